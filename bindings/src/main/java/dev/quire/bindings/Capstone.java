package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.quire.bindings.DisassembledInstruction.Immediate;
import dev.quire.bindings.DisassembledInstruction.Memory;
import dev.quire.bindings.DisassembledInstruction.Operand;
import dev.quire.bindings.DisassembledInstruction.Other;
import dev.quire.bindings.DisassembledInstruction.Register;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A disassembler (libcapstone 4 or 5). For reports, never on a hot path. Owned by the thread that
 * opened it; closing twice is harmless.
 */
public final class Capstone implements AutoCloseable {
  /** What to decode. */
  public enum Mode {
    X86_16(3, 2),
    X86_32(3, 4),
    X86_64(3, 8),
    ARM64(1, 0);

    private final int arch;
    private final int flags;

    Mode(int arch, int flags) {
      this.arch = arch;
      this.flags = flags;
    }
  }

  /** Most bytes one call decodes. */
  public static final int MAX_BYTES = 1 << 16;

  private static final int OPTION_DETAIL = 2;
  private static final long ON = 3;
  private static final int TYPE_REGISTER = 1;
  private static final int TYPE_IMMEDIATE = 2;
  private static final int TYPE_MEMORY = 3;

  private final Thread owner = Thread.currentThread();
  private final Arena arena = Arena.ofConfined();
  private final CapstoneLayout layout = CapstoneLayout.of(NativeLibraries.capstone());
  private final Mode mode;
  private final MemorySegment handleCell;
  private final MemorySegment resultCell;
  private final long handle;
  private boolean closed;

  private Capstone(Mode mode) {
    this.mode = mode;
    handleCell = arena.allocate(8, 8);
    resultCell = arena.allocate(8, 8);
    int code = CapstoneApi.open(mode.arch, mode.flags, handleCell.address());
    handle = RawMemory.getLong(handleCell.address());
    if (code == 0) {
      code = CapstoneApi.option(handle, OPTION_DETAIL, ON);
    }
    if (code != 0) {
      arena.close();
      throw new NativeLibraryException(
          NativeLibraries.capstone()
              + " cannot decode "
              + mode
              + " (error "
              + code
              + "); install a libcapstone built with it");
    }
  }

  /**
   * Opens a disassembler.
   *
   * @throws NativeLibraryException without a usable library
   */
  public static Capstone open(Mode mode) {
    NativeLibraries.capstone();
    return new Capstone(mode);
  }

  /**
   * Decodes until the end of {@code code}, an undecodable byte, or {@code maximum} instructions.
   *
   * @param address guest address of the first byte
   * @throws IllegalArgumentException for more than {@link #MAX_BYTES}
   */
  public List<DisassembledInstruction> disassemble(byte[] code, long address, int maximum) {
    if (closed || Thread.currentThread() != owner) {
      throw new IllegalStateException(
          closed ? "this disassembler is closed" : "this disassembler belongs to " + owner);
    }
    if (code.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "at most " + MAX_BYTES + " bytes at once, got " + code.length);
    }
    if (code.length == 0 || maximum <= 0) {
      return List.of();
    }
    try (Arena temporary = Arena.ofConfined()) {
      long bytes = temporary.allocateFrom(JAVA_BYTE, code).address();
      long count =
          CapstoneApi.disasm(handle, bytes, code.length, address, maximum, resultCell.address());
      if (count == 0) {
        return List.of();
      }
      long first = RawMemory.getLong(resultCell.address());
      try {
        List<DisassembledInstruction> decoded = new ArrayList<>((int) count);
        for (long i = 0; i < count; i++) {
          decoded.add(instruction(first + i * layout.insnBytes()));
        }
        return decoded;
      } finally {
        CapstoneApi.free(first, count);
      }
    }
  }

  private DisassembledInstruction instruction(long insn) {
    long detail = RawMemory.getLong(insn + layout.detail());
    List<Operand> operands = List.of();
    if (detail != 0) {
      long part = detail + layout.archDetail();
      operands = mode == Mode.ARM64 ? arm64Operands(part) : x86Operands(part);
    }
    return new DisassembledInstruction(
        RawMemory.getLong(insn + CapstoneLayout.INSN_ADDRESS),
        RawMemory.getShort(insn + CapstoneLayout.INSN_SIZE),
        text(insn + layout.mnemonic(), CapstoneLayout.MNEMONIC_BYTES),
        text(insn + layout.operandText(), CapstoneLayout.OPERAND_TEXT_BYTES),
        operands);
  }

  private List<Operand> x86Operands(long x86) {
    int count = RawMemory.getByte(x86 + CapstoneLayout.X86_COUNT);
    List<Operand> operands = new ArrayList<>();
    for (int i = 0; i < Math.min(count, CapstoneLayout.MAX_OPERANDS); i++) {
      long operand =
          x86 + CapstoneLayout.X86_OPERANDS + (long) i * CapstoneLayout.X86_OPERAND_BYTES;
      long value = operand + CapstoneLayout.X86_VALUE;
      int size = RawMemory.getByte(operand + CapstoneLayout.X86_SIZE);
      int access = RawMemory.getByte(operand + CapstoneLayout.X86_ACCESS);
      int type = RawMemory.getInt(operand + CapstoneLayout.X86_TYPE);
      operands.add(
          switch (type) {
            case TYPE_REGISTER -> new Register(registerName(value), size, access);
            case TYPE_IMMEDIATE -> new Immediate(RawMemory.getLong(value), size, access);
            case TYPE_MEMORY ->
                new Memory(
                    registerName(value),
                    registerName(value + 4),
                    registerName(value + 8),
                    RawMemory.getInt(value + 12),
                    RawMemory.getLong(value + 16),
                    size,
                    access);
            default -> new Other(type, size, access);
          });
    }
    return operands;
  }

  /** Capstone tells no operand sizes on arm64. */
  private List<Operand> arm64Operands(long arm64) {
    int count = RawMemory.getByte(arm64 + layout.arm64Count());
    List<Operand> operands = new ArrayList<>();
    for (int i = 0; i < Math.min(count, CapstoneLayout.MAX_OPERANDS); i++) {
      long operand =
          arm64 + CapstoneLayout.ARM64_OPERANDS + (long) i * CapstoneLayout.ARM64_OPERAND_BYTES;
      long value = operand + CapstoneLayout.ARM64_VALUE;
      int access = RawMemory.getByte(operand + CapstoneLayout.ARM64_ACCESS);
      int type = RawMemory.getInt(operand + layout.arm64Type());
      operands.add(
          switch (type) {
            case TYPE_REGISTER -> new Register(registerName(value), 0, access);
            case TYPE_IMMEDIATE -> new Immediate(RawMemory.getLong(value), 0, access);
            case TYPE_MEMORY ->
                new Memory(
                    "",
                    registerName(value),
                    registerName(value + 4),
                    arm64Scale(
                        operand + layout.arm64Type() - CapstoneLayout.ARM64_SHIFT_BEFORE_TYPE),
                    RawMemory.getInt(value + 8),
                    0,
                    access);
            default -> new Other(type, 0, access);
          });
    }
    return operands;
  }

  private static int arm64Scale(long shift) {
    boolean lsl = RawMemory.getInt(shift) == CapstoneLayout.ARM64_SHIFT_LSL;
    return lsl ? 1 << (RawMemory.getInt(shift + 4) & 7) : 1;
  }

  /** The name of the register whose number is stored at {@code address}; empty for none. */
  private String registerName(long address) {
    int id = RawMemory.getInt(address);
    if (id == 0) {
      return "";
    }
    long name = CapstoneApi.regName(handle, id);
    return name == 0 ? "" : text(name, CapstoneLayout.MNEMONIC_BYTES);
  }

  private static String text(long address, int maximum) {
    byte[] bytes = new byte[maximum];
    int length = 0;
    while (length < maximum) {
      int c = RawMemory.getByte(address + length);
      if (c == 0) {
        break;
      }
      bytes[length++] = (byte) c;
    }
    return new String(bytes, 0, length, StandardCharsets.US_ASCII);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    if (Thread.currentThread() != owner) {
      throw new IllegalStateException("this disassembler belongs to " + owner);
    }
    closed = true;
    // NATIVE: last use of the handle; cs_close takes the address of it.
    CapstoneApi.close(handleCell.address());
    arena.close();
  }
}
