/** `item_reference`: an item of a kept response, named by its id instead of sent again. */
import { invalid, isFields, requiredText } from '../fields.js';
import type { DecodeContext } from '../types.js';
import { inputItemId } from './item-ids.js';

/** Throws `invalid_request` for an item that is not, or no longer, kept. */
export function resolveReferences(items: readonly unknown[], context: DecodeContext): unknown[] {
  return items.map((item, index) => {
    if (!isFields(item)) return item;
    const isReference = item['type'] === 'item_reference' || isBareId(item);
    if (!isReference) return item;
    const id = requiredText(item, 'id', `input[${index}].`);
    const found = itemOf(id, context);
    if (found !== undefined) return found;
    throw invalid(`input[${index}].id`, `Item with id '${id.slice(0, 100)}' not found.`);
  });
}

/** A reference may leave its type out. */
function isBareId(item: Record<string, unknown>): boolean {
  return (
    (item['type'] === undefined || item['type'] === null) &&
    Object.keys(item).every((key) => key === 'id' || key === 'type')
  );
}

function itemOf(id: string, context: DecodeContext): unknown {
  const responseId = responseOf(id);
  const kept = responseId === undefined ? undefined : context.kept?.(responseId);
  if (kept === undefined || responseId === undefined) return undefined;
  const output = kept.response['output'];
  const made = Array.isArray(output) ? output.find((item) => isFields(item) && item['id'] === id) : undefined;
  return made ?? kept.inputItems.find((_, index) => inputItemId(responseId, index) === id);
}

/** An item's id holds the id of the request it belongs to. */
function responseOf(id: string): string | undefined {
  const request = /^[a-z]+_(?:resp_)?([0-9a-f]+)_/.exec(id)?.[1];
  return request === undefined ? undefined : `resp_${request}`;
}
