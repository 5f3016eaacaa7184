package dev.quire.bindings;

import java.nio.ByteBuffer;

/**
 * A call of a block hook in translated code for an x86-64 host, decoded: four register arguments,
 * each loaded by one of the forms TCG gives a constant (tcg/i386/tcg-target.inc.c, tcg_out_movi),
 * and the call itself.
 */
final class HookCall {
  /** Four loads of at most ten bytes and a call of six. */
  static final int MAX_BYTES = 46;

  /** At most so long is the call after it that looks for a stop request. */
  static final int MAX_EXIT_CHECK_BYTES = 10 + 2 + 6;

  private static final int MIN_BYTES = 4 * 2 + 5;

  /** Numbers of arguments. */
  static final int ENGINE = 0;

  static final int PC = 1;
  static final int SIZE = 2;
  static final int STATE = 3;

  /** Register numbers of the arguments: RDI, RSI, RDX, RCX. */
  private static final int[] REGISTERS = {7, 6, 2, 1};

  private final ByteBuffer code;
  private final int end;
  private final long codeHva;
  private final long[] arguments = new long[REGISTERS.length];
  private int at;
  private int loaded;
  private long firstHva;
  private long sizeImmediateHva;
  private long targetHva;
  private long pointerHva;

  private HookCall(ByteBuffer code, int end, long codeHva) {
    this.code = code;
    this.end = end;
    this.codeHva = codeHva;
  }

  /**
   * Decodes a call.
   *
   * @param end where the call ends in {@code code}
   * @param codeHva address of its first byte
   * @return null unless the bytes are such a call, readable in one way only
   */
  static HookCall endingAt(ByteBuffer code, int end, long codeHva) {
    HookCall found = null;
    for (int first = 0; first + MIN_BYTES <= end; first++) {
      HookCall call = new HookCall(code, end, codeHva);
      if (call.decode(first)) {
        if (found != null) {
          return null;
        }
        found = call;
      }
    }
    return found;
  }

  /**
   * The length of the call at {@code at} that looks for a stop request: its arguments the engine
   * and a zero, for there is no delay slot.
   *
   * @return 0 if it is anything else
   */
  static int exitCheckBytes(ByteBuffer code, int at, long codeHva, long engine) {
    HookCall check = new HookCall(code, code.limit(), codeHva);
    check.at = at;
    boolean is = check.loads(2) && check.loaded == 0b11 && check.call();
    return is && check.arguments[ENGINE] == engine && check.arguments[PC] == 0 ? check.at - at : 0;
  }

  private boolean decode(int first) {
    at = first;
    firstHva = codeHva + first;
    return loads(REGISTERS.length) && loaded == 0b1111 && call() && at == end;
  }

  private boolean loads(int count) {
    for (int i = 0; i < count; i++) {
      if (!load()) {
        return false;
      }
    }
    return true;
  }

  /** One argument's load; false if the bytes are anything else. */
  private boolean load() {
    int first = next();
    if (first == 0x48) {
      return longLoad();
    }
    if (first == 0x31 || first == 0x33) { // xor r32, r32
      int register = next() - 0xc0;
      return register >= 0 && register / 8 == register % 8 && set(register % 8, 0);
    }
    if (first >= 0xb8 && first < 0xc0) { // mov r32, imm32
      int immediate = at;
      if (at + 4 > end) {
        return false;
      }
      at += 4;
      if (first - 0xb8 == REGISTERS[SIZE]) {
        sizeImmediateHva = codeHva + immediate;
      }
      return set(first - 0xb8, code.getInt(immediate) & 0xffffffffL);
    }
    return false;
  }

  private boolean longLoad() {
    int opcode = next();
    int length = opcode >= 0xb8 && opcode < 0xc0 ? 8 : 5;
    if (at + length > end) {
      return false;
    }
    int immediate = at;
    at += length;
    if (length == 8) { // movabs r64, imm64
      return set(opcode - 0xb8, code.getLong(immediate));
    }
    int modRm = code.get(immediate) & 0xff;
    int value = code.getInt(immediate + 1);
    if (opcode == 0x8d && (modRm & 0xc7) == 0x05) { // lea r64, [rip + disp32]
      return set(modRm >> 3, codeHva + at + value);
    }
    return opcode == 0xc7 && modRm >= 0xc0 && modRm < 0xc8 && set(modRm & 7, value);
  }

  private boolean call() {
    int opcode = next();
    boolean direct = opcode == 0xe8;
    if (!direct && (opcode != 0xff || next() != 0x15) || at + 4 > end) {
      return false;
    }
    long operand = codeHva + at + 4 + code.getInt(at);
    at += 4;
    targetHva = direct ? operand : 0;
    pointerHva = direct ? 0 : operand;
    return true;
  }

  private boolean set(int register, long value) {
    for (int i = 0; i < REGISTERS.length; i++) {
      if (REGISTERS[i] == register && (loaded & 1 << i) == 0) {
        arguments[i] = value;
        loaded |= 1 << i;
        return true;
      }
    }
    return false;
  }

  private int next() {
    return at < end ? code.get(at++) & 0xff : -1;
  }

  /** Address of the first load. */
  long firstHva() {
    return firstHva;
  }

  /** Value of an argument. */
  long argument(int number) {
    return arguments[number];
  }

  /** Address of the size's 32-bit immediate, or 0 if it is loaded in another way. */
  long sizeImmediateHva() {
    return sizeImmediateHva;
  }

  /** What is called; 0 if it stands at {@link #pointerHva}. */
  long targetHva() {
    return targetHva;
  }

  /** Where the address of what is called stands, in the block's pool of constants; or 0. */
  long pointerHva() {
    return pointerHva;
  }
}
