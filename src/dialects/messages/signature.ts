/**
 * Signature of a thinking block. Clients must send one back unchanged and never look inside; engines here do not
 * sign, so it only says where the block came from.
 */
export function thinkingSignature(requestId: string, index: number): string {
  return Buffer.from(`dynamo:${requestId}:${index}`).toString('base64');
}
