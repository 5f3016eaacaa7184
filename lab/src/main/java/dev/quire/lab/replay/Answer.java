package dev.quire.lab.replay;

import dev.quire.kernel.mm.UserSignal;
import java.util.LinkedHashMap;
import java.util.Map;

/** What is observed of one operation of a session, by the names of golden files. Mutable. */
final class Answer {
  private static final int CODE_OF_AN_ADDRESS_ERROR = 2;

  private final Map<String, Object> fields = new LinkedHashMap<>();

  Map<String, Object> fields() {
    return fields;
  }

  void put(String field, long value) {
    fields.put(field, value);
  }

  void put(String field, Object value) {
    fields.put(field, value);
  }

  void hex(String field, long value) {
    fields.put(field, "0x" + Long.toHexString(value));
  }

  void address(String field, long address) {
    fields.put(field, PageRange.text(address));
  }

  /** What a system call returned: -errno, or what counts as its value. */
  void result(long result) {
    boolean failed = result < 0;
    put(ObservedFields.RET, failed ? -1 : result);
    put(ObservedFields.ERRNO, failed ? -result : 0);
  }

  /** A call that returns an address or a descriptor: its value is nobody's business. */
  void success(long result) {
    result(Math.min(0, result));
  }

  /**
   * The signal an access ended with.
   *
   * @param signal as {@link UserSignal} packs it
   */
  void signal(int signal, long address) {
    put(ObservedFields.SIGNAL, UserSignal.signal(signal));
    if (signal != UserSignal.NONE) {
      // The recorded kernels have no CONFIG_MEMORY_FAILURE: what is poisoned is an address error
      // to them (arch/x86/mm/fault.c, do_sigbus).
      put(
          ObservedFields.SI_CODE,
          signal == UserSignal.BUS_MCEERR_AR ? CODE_OF_AN_ADDRESS_ERROR : UserSignal.code(signal));
      address("si_addr", address);
    }
  }
}
