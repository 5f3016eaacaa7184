package dev.quire.bindings;

/** A saved CPU state; a plain copy of the core's registers. Same thread rule as its engine. */
public final class UcContext implements AutoCloseable {
  /** Of Unicorn 2.1.4's struct, before the state. */
  private static final int HEADER_BYTES = 40;

  private final Uc uc;
  private final long context;
  private boolean closed;

  UcContext(Uc uc, long scratch) {
    this.uc = uc;
    Uc.require("uc_context_alloc", UcApi.contextAlloc(uc.handle(), scratch));
    context = RawMemory.getLong(scratch);
  }

  /** Copies the engine's CPU state here. */
  public void save() {
    check();
    Uc.require("uc_context_save", UcApi.contextSave(uc.handle(), context));
  }

  /** Copies the state saved here back. */
  public void restore() {
    check();
    Uc.require("uc_context_restore", UcApi.contextRestore(uc.handle(), context));
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    // NATIVE: a context is plain memory, so it may outlive its engine.
    UcApi.contextFree(context);
  }

  /** The length of the CPU state proper: the struct's first word. */
  long stateBytes() {
    check();
    return RawMemory.getLong(context);
  }

  /** The saved state as it lies in memory, for comparing two engines of one library. */
  public byte[] bytes() {
    byte[] bytes = new byte[(int) stateBytes()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) RawMemory.getByte(context + HEADER_BYTES + i);
    }
    return bytes;
  }

  private void check() {
    if (closed) {
      throw new IllegalStateException("this context is closed");
    }
  }
}
