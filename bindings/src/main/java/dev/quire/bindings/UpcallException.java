package dev.quire.bindings;

/**
 * A hook threw. The engine was stopped, the run returned, and the first Throwable (the cause) is
 * rethrown here, on the thread that called {@link Uc#emuStart}.
 */
public final class UpcallException extends RuntimeException {
  UpcallException(Throwable cause) {
    super("a hook failed: " + cause, cause);
  }
}
