package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.Capstone;
import dev.quire.bindings.DisassembledInstruction;
import dev.quire.bindings.DisassembledInstruction.Memory;
import dev.quire.bindings.DisassembledInstruction.Operand;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random byte strings against Capstone: length, effective address, and access kind and size. Where
 * the two are allowed to differ, the manual's side is taken and named here; anything else fails.
 */
class X86CapstoneDifferentialTest {
  private static final int RUNS = 40_000 * Integer.getInteger("quire.test.scale", 1);
  private static final long RIP = 0x40_1000;
  private static final int[] PREFIXES = {
    0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65
  };

  /** Capstone 5 calls these operands read, or says nothing; SDM vol. 2 says they are written. */
  private static final Pattern WRITTEN =
      Pattern.compile(
          "set..?.?|fn?st(p|cw|sw|env)?|fistt?p?|fnsave|fbstp|mov(up|lp|hp|ap|nt|d|q|be|s[sd]).*|stmxcsr"
              + "|extractps|pextr.|movnti|s[gi]dt|sldt|str|smsw|maskmov.*|fxsave(64)?|xsave.*"
              + "|wru?ss.|vmptrst|vmread");

  /** The same for operands that are read and written. */
  private static final Pattern MODIFIED =
      Pattern.compile("ro[lr]|rc[lr]|sh[lr]d?|sa[lr]|cmpxchg.*|xadd|bt[src]|xchg|arpl|clrssbsy");

  /** The same for operands that are read only. */
  private static final Pattern READ =
      Pattern.compile("test|frstor|fldenv|l?call|l?jmp|round.*|fldcw|bt|fbld|fld.*|fild|l[gi]dt");

  /**
   * Operands that are named but not accessed; the last two access two operands, which the maps have
   * no letters for: the engine raises #UD for them.
   */
  private static final Pattern UNTOUCHED =
      Pattern.compile(
          "lea|nop|prefetch.*|invlpg|clflush.*|clwb|cldemote|bnd.*|tpause|umonitor"
              + "|movdir64b|enqcmds?");

  private final X86Decoder decoder = new X86Decoder();
  private final X86Instruction ours = new X86Instruction();
  private final FixedRegisters registers = new FixedRegisters(9);

  private static byte[] bytes(Random random, CodeMode mode) {
    byte[] code = new byte[15];
    random.nextBytes(code);
    int at = 0;
    while (at < 4 && random.nextInt(4) == 0) {
      code[at++] = (byte) PREFIXES[random.nextInt(PREFIXES.length)];
    }
    if (mode == CodeMode.BITS_64 && random.nextInt(3) == 0) {
      code[at++] = (byte) (0x40 + random.nextInt(16));
    }
    int map = random.nextInt(8);
    if (map < 5) {
      code[at++] = 0x0f;
    }
    if (map == 3 || map == 4) {
      code[at] = (byte) (map == 3 ? 0x38 : 0x3a);
    }
    return code;
  }

  @ParameterizedTest
  @EnumSource(CodeMode.class)
  void randomInstructionsAgree(CodeMode mode) {
    Random random = new Random(mode.ordinal());
    int compared = 0;
    int addresses = 0;
    try (Capstone capstone = Capstone.open(Capstone.Mode.valueOf("X86_" + name(mode)))) {
      for (int run = 0; run < RUNS; run++) {
        byte[] code = bytes(random, mode);
        List<DisassembledInstruction> theirs = capstone.disassemble(code, RIP, 1);
        int length = decoder.decode(code, 0, code.length, mode, ours);
        if (theirs.isEmpty() || isAcceptedEncoding(theirs.getFirst())) {
          continue;
        }
        DisassembledInstruction their = theirs.getFirst();
        String what = HexFormat.of().formatHex(code) + " " + their;
        assertThat(length).as(what).isEqualTo(their.bytes());
        compared++;
        if (!ours.isVectorExtension() && !isUndefinedByPrefix(their)) {
          assertThat(ours.instructionClass()).as(what).isNotEqualTo(X86InstructionClass.UNDEFINED);
          addresses += compareOperand(their, what) ? 1 : 0;
        }
      }
    }
    assertThat(compared).as("instructions compared").isGreaterThan(RUNS / 2);
    assertThat(addresses).as("addresses compared").isGreaterThan(RUNS / 5);
  }

  private static String name(CodeMode mode) {
    return Integer.toString(8 * mode.addressBytes());
  }

  /** Encodings that Capstone decodes otherwise than the manual this decoder follows. */
  private boolean isAcceptedEncoding(DisassembledInstruction their) {
    String mnemonic = their.mnemonic();
    boolean wide = ours.mode() == CodeMode.BITS_64;
    boolean narrow = ours.operandBytes() == 2;
    if (wide && ours.addressBytes() == 4 && ours.operandBytes() == 8) {
      // Capstone takes 67 before REX.W for 66.
      return true;
    }
    if (ours.opcodeMap() == 1) {
      return switch (ours.opcode()) {
        // UD1 and UD0 have a ModRM byte (SDM vol. 2B, UD).
        case 0xb9, 0xff -> mnemonic.startsWith("ud");
        // VIA's instructions, and 3DNow!, whose suffix Capstone takes for other opcodes.
        case 0xa6, 0xa7, 0x0f -> true;
        // EXTRQ and INSERTQ (AMD APM vol. 4), which Capstone takes for VMREAD.
        case 0x78, 0x79 -> ours.prefix != X86OpcodeMaps.NO_PREFIX;
        // MOVQ and MOVQ2DQ of SSE2, which Capstone mixes up with those of other prefixes.
        case 0x7e, 0xd6 -> ours.prefix != X86OpcodeMaps.PREFIX_66;
        // A 66 prefix on a near branch: the vendors differ, see X86Decoder.
        default -> wide && narrow && (ours.opcode() & 0xf0) == 0x80;
      };
    }
    if (ours.opcodeMap() == 2) {
      // ADCX, which Capstone 5 takes for WRSS in 16-bit mode.
      return ours.opcode() == 0xf6 && ours.prefix == X86OpcodeMaps.PREFIX_66 && !wide;
    }
    if (ours.opcodeMap() != 0) {
      return false;
    }
    return switch (ours.opcode()) {
      case 0xe8, 0xe9 -> wide && narrow;
      // RET imm16 has 16 bits whatever the prefixes (SDM vol. 2B, RET).
      case 0xc2 -> wide;
      // PUSH imm16: a repeat prefix does not undo 66.
      case 0x68 -> narrow && ours.repPrefix;
      // AMD's XOP, which Intel's processors do not have.
      case 0x8f -> ours.digit() != 0;
      // MOV to CS is undefined (SDM vol. 2B, MOV).
      case 0x8e -> ours.digit() == X86RegisterView.CS;
      // VEX does not exist in real mode, the one 16-bit mode guests use (SDM vol. 2A, 2.3.1).
      case 0xc4, 0xc5, 0x62 -> ours.mode() == CodeMode.BITS_16;
      default -> false;
    };
  }

  /** Capstone ignores a mandatory prefix an opcode is not defined with. */
  private boolean isUndefinedByPrefix(DisassembledInstruction their) {
    boolean undefined = ours.instructionClass() == X86InstructionClass.UNDEFINED;
    boolean byDesign = their.mnemonic().startsWith("ud");
    return undefined && (byDesign || isDefinedWithAnotherPrefix());
  }

  private boolean isDefinedWithAnotherPrefix() {
    boolean defined = false;
    for (int prefix = 0; prefix < 4 && ours.opcodeMap() > 0; prefix++) {
      int cell = X86OpcodeMaps.cell(ours.opcodeMap(), prefix, ours.opcode());
      boolean here = !X86OpcodeMaps.isUndefined(cell) && X86OpcodeMaps.form(cell) != '?';
      defined |= here && prefix != ours.prefix;
    }
    return defined;
  }

  private boolean compareOperand(DisassembledInstruction their, String what) {
    if (ours.isString() || isImplicit()) {
      return false;
    }
    Memory memory = null;
    for (Operand operand : their.operands()) {
      memory = operand instanceof Memory found ? found : memory;
    }
    assertThat(ours.hasEffectiveAddress()).as(what).isEqualTo(memory != null);
    if (memory == null) {
      return false;
    }
    // With F2 or F3, and for CLWB, Capstone often shows the instruction without the prefix.
    boolean clwb = ours.opcodeMap() == 1 && ours.opcode() == 0xae;
    if (ours.prefix < (clwb ? X86OpcodeMaps.PREFIX_66 : X86OpcodeMaps.PREFIX_F3)) {
      assertThat(ours.memoryKind()).as(what).isEqualTo(expectedKind(their, memory));
    }
    if (isSizeComparable()) {
      assertThat(ours.memoryBytes()).as(what).isEqualTo(memory.sizeBytes());
    }
    if (!ours.bitOffset && !(ours.opcodeMap() == 0 && ours.opcode() == 0x8f)) {
      assertThat(ours.offset(registers, RIP)).as(what).isEqualTo(expectedOffset(memory));
    }
    return true;
  }

  /** XLAT and MASKMOV have an operand that Capstone does not show. */
  private boolean isImplicit() {
    return ours.opcodeMap() == 0 && ours.opcode() == 0xd7
        || ours.opcodeMap() == 1 && ours.opcode() == 0xf7;
  }

  private AccessKind expectedKind(DisassembledInstruction their, Memory memory) {
    String[] words = their.mnemonic().split(" ");
    String mnemonic = words[words.length - 1];
    if (ours.memoryKind() != AccessKind.READ && UNTOUCHED.matcher(mnemonic).matches()) {
      return AccessKind.NONE;
    }
    // The same mnemonic loads and stores; the opcode's direction is in the operand order.
    boolean first = their.operands().getFirst() instanceof Memory;
    if (first && WRITTEN.matcher(mnemonic).matches()) {
      return AccessKind.WRITE;
    }
    if (first && MODIFIED.matcher(mnemonic).matches()
        || their.operands().size() > 1
            && their.operands().get(1) instanceof Memory
            && mnemonic.equals("xchg")) {
      return AccessKind.READ_WRITE;
    }
    if (READ.matcher(mnemonic).matches()) {
      return AccessKind.READ;
    }
    return switch (memory.access()) {
      case 0 -> ours.memoryKind();
      case Operand.READ -> AccessKind.READ;
      case Operand.WRITE -> AccessKind.WRITE;
      default -> AccessKind.READ_WRITE;
    };
  }

  /** Where Capstone's sizes are right: integer instructions without contradicting prefixes. */
  private boolean isSizeComparable() {
    boolean contradicting =
        ours.repPrefix || ours.operandBytes() == 8 && ours.prefix == X86OpcodeMaps.PREFIX_66;
    if (contradicting) {
      return false;
    }
    int opcode = ours.opcode();
    if (ours.opcodeMap() == 0) {
      return opcode < 0x40
          || opcode >= 0x80 && opcode < 0x8c
          || opcode >= 0xc6 && opcode < 0xc8
          || opcode >= 0xd0 && opcode < 0xd4
          || opcode >= 0xf6 && opcode < 0xf8;
    }
    return ours.opcodeMap() == 1
        && (opcode >= 0x40 && opcode < 0x50
            || opcode >= 0x90 && opcode < 0xa0
            || opcode == 0xaf
            || opcode >= 0xb6 && opcode < 0xb8
            || opcode >= 0xbe && opcode < 0xc2);
  }

  private long expectedOffset(Memory memory) {
    boolean relative = memory.base().endsWith("ip");
    long base = relative ? RIP + ours.length() : registers.named(memory.base());
    long offset = base + registers.named(memory.index()) * memory.scale() + memory.displacement();
    return switch (ours.addressBytes()) {
      case 2 -> offset & 0xffff;
      case 4 -> offset & 0xffff_ffffL;
      default -> offset;
    };
  }
}
