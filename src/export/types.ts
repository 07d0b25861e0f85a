/** A file for another tool. */
export interface Exported {
  /** Sentences at its head. */
  notes: string[];
  document: Record<string, unknown>;
}

export type ExportTarget = 'dynamo' | 'llm-d' | 'compose';
