/** The part of the WebAssembly API the project uses; TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    private constructor();
    readonly buffer: ArrayBuffer;
    /** Adds 64 KiB pages; returns the number before. Throws RangeError when there is no more memory. */
    grow(pages: number): number;
  }
  function validate(bytes: Uint8Array): boolean;
}
