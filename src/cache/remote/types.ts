/** What a remote store must do: objects by name, under the tier's own prefix. */
export interface RemoteStore {
  /** Null when there is none. */
  get(name: string): Promise<Buffer | null>;
  put(name: string, bytes: Buffer): Promise<void>;
  remove(name: string): Promise<void>;
  /** Every name, in no order. */
  list(): AsyncIterable<string>;
  close(): Promise<void>;
}
