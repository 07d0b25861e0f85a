/** An export as the text of its file. */
import { Document } from 'yaml';
import type { Exported } from './types.js';

export function yamlFile({ notes, document }: Exported): string {
  const yaml = new Document(document, { aliasDuplicateObjects: false });
  yaml.commentBefore = ['Written by `dynamo export`.', ...notes].map((line) => ` ${line}`).join('\n');
  return yaml.toString({ lineWidth: 0 });
}
