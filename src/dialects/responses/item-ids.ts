/** Ids of items a client sent without one. */

export function inputItemId(responseId: string, index: number): string {
  return `item_${responseId}_${index}`;
}
