package dev.quire.bindings;

/** A saved CPU state; a plain copy of the core's registers. Same thread rule as its engine. */
public final class UcContext implements AutoCloseable {
  private final Uc uc;
  private final long context;
  private boolean closed;

  UcContext(Uc uc, long scratch) {
    this.uc = uc;
    try {
      Uc.require("uc_context_alloc", (int) UcApi.Context.ALLOC.invokeExact(uc.handle(), scratch));
    } catch (UcException e) {
      throw e;
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
    context = RawMemory.getLong(scratch);
  }

  /** Copies the engine's CPU state here. */
  public void save() {
    check();
    try {
      Uc.require("uc_context_save", (int) UcApi.Context.SAVE.invokeExact(uc.handle(), context));
    } catch (UcException e) {
      throw e;
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  /** Copies the state saved here back. */
  public void restore() {
    check();
    try {
      Uc.require(
          "uc_context_restore", (int) UcApi.Context.RESTORE.invokeExact(uc.handle(), context));
    } catch (UcException e) {
      throw e;
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      // NATIVE: a context is plain memory, so it may outlive its engine.
      int ignored = (int) UcApi.Context.FREE.invokeExact(context);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  /** The length of the CPU state proper: the struct's first word. */
  long stateBytes() {
    check();
    return RawMemory.getLong(context);
  }

  private void check() {
    if (closed) {
      throw new IllegalStateException("this context is closed");
    }
  }
}
