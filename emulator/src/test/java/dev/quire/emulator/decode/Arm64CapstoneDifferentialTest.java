package dev.quire.emulator.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.Capstone;
import dev.quire.bindings.DisassembledInstruction;
import dev.quire.bindings.DisassembledInstruction.Memory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Random words of the load/store space against Capstone: kind, bytes, registers, address. The
 * expected values are read off the assembler text, so both ways to them share nothing.
 *
 * <p>Accepted: Capstone knows FEAT_MOPS (CPY and SET) and the bulk tag instructions, which this
 * decoder leaves out; and it refuses words with should-be-one fields that are not one, which
 * processors execute.
 */
class Arm64CapstoneDifferentialTest {
  private static final int RUNS = 200_000 * Integer.getInteger("quire.test.scale", 1);
  private static final long PC = 0x40_1000;
  private static final Pattern LEFT_OUT = Pattern.compile("cpy.*|set[gpme].*|ldgm|stgm|stzgm");
  private static final Pattern MODIFIES =
      Pattern.compile("(cas|swp|(ld|st)(add|clr|eor|set|[su]max|[su]min)).*");
  private static final Pattern MNEMONIC_BYTES = Pattern.compile(".*?(s?b|s?h|sw)$");
  private static final Pattern REGISTER = Pattern.compile("\\b([wxbhsdq])(\\d+|zr|sp)\\b");
  private static final Pattern LIST = Pattern.compile("\\{([^}]*)}");
  private static final Pattern ADDRESS = Pattern.compile("\\[([^]]*)](!?)");

  private final long[] x = new Random(5).longs(31).toArray();
  private final long sp = 0x7fff_f000_1230L;
  private final Arm64RegisterView registers =
      new Arm64RegisterView() {
        @Override
        public long x(int index) {
          return x[index];
        }

        @Override
        public long sp() {
          return sp;
        }
      };

  @Test
  void randomLoadsAndStoresAgree() {
    Random random = new Random(8);
    int compared = 0;
    try (Capstone capstone = Capstone.open(Capstone.Mode.ARM64)) {
      for (int run = 0; run < RUNS; run++) {
        int word = random.nextInt() & ~0x0a00_0000 | 0x0800_0000;
        byte[] code = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(word).array();
        List<DisassembledInstruction> theirs = capstone.disassemble(code, PC, 1);
        if (theirs.isEmpty() || LEFT_OUT.matcher(theirs.getFirst().mnemonic()).matches()) {
          continue;
        }
        compare(word, theirs.getFirst());
        compared++;
      }
    }
    assertThat(compared).isGreaterThan(RUNS / 4);
  }

  private void compare(int word, DisassembledInstruction their) {
    String what = "%08x %s %s".formatted(word, their.mnemonic(), their.operandText());
    long access = Arm64AccessDecoder.decode(word);
    String mnemonic = their.mnemonic();
    if (mnemonic.startsWith("prf")) {
      assertThat(access).as(what).isEqualTo(Arm64Access.NONE);
      return;
    }
    assertThat(Arm64Access.kind(access)).as(what).isEqualTo(expectedKind(mnemonic));
    assertThat(Arm64Access.bytes(access)).as(what).isEqualTo(expectedBytes(mnemonic, their));
    assertThat(Arm64Access.isUnprivileged(access))
        .as(what)
        .isEqualTo(mnemonic.matches("(ld|st)tr(|b|h|sb|sh|sw)"));
    assertThat(Arm64Access.isExclusive(access)).as(what).isEqualTo(mnemonic.matches(".*x[rp].*"));
    assertThat(Arm64Access.address(access, registers, PC))
        .as(what)
        .isEqualTo(expectedAddress(their));
  }

  private static AccessKind expectedKind(String mnemonic) {
    if (MODIFIES.matcher(mnemonic).matches()) {
      return AccessKind.READ_WRITE;
    }
    return mnemonic.startsWith("ld") ? AccessKind.READ : AccessKind.WRITE;
  }

  private static int expectedBytes(String mnemonic, DisassembledInstruction their) {
    String text = their.operandText();
    if (mnemonic.matches("stz?2g")) {
      return 32;
    }
    if (mnemonic.matches("stz?g|ldg|stgp")) {
      return 16;
    }
    if (mnemonic.matches("(ld|st)64b.*")) {
      return 64;
    }
    Matcher list = LIST.matcher(text);
    if (list.find()) {
      return structureBytes(mnemonic, text, list.group(1));
    }
    String transfer = text.substring(0, Math.max(text.indexOf('['), 0));
    if (transfer.isEmpty()) {
      // A literal: only the register tells.
      transfer = text;
    }
    boolean pair = mnemonic.matches("(ld|st)n?p(sw)?|(ld|st)l?a?xp|casp.*");
    int one = registerBytes(mnemonic, transfer);
    return pair ? 2 * one : one;
  }

  private static int registerBytes(String mnemonic, String transfer) {
    Matcher suffix = MNEMONIC_BYTES.matcher(mnemonic);
    // LDRAB's b is the key and LDSMIN's n no size.
    if (!mnemonic.startsWith("ldra") && suffix.matches()) {
      return switch (suffix.group(1)) {
        case "b", "sb" -> 1;
        case "h", "sh" -> 2;
        default -> 4;
      };
    }
    Matcher register = REGISTER.matcher(transfer);
    char width = 0;
    boolean status = mnemonic.matches("stl?x[rp]");
    while (register.find()) {
      width = register.group(1).charAt(0);
      if (!status) {
        break;
      }
    }
    return switch (width) {
      case 'b' -> 1;
      case 'h' -> 2;
      case 'w', 's' -> 4;
      case 'x', 'd' -> 8;
      default -> 16;
    };
  }

  private static int structureBytes(String mnemonic, String text, String list) {
    int count = list.split(",").length;
    char element = list.charAt(list.lastIndexOf('.') + 1);
    boolean wide = list.contains(".16b") || list.contains(".8h") || list.contains(".4s");
    wide |= list.contains(".2d");
    if (element >= '0' && element <= '9') {
      String arrangement = list.substring(list.lastIndexOf('.') + 1);
      element = arrangement.charAt(arrangement.length() - 1);
    }
    boolean single = mnemonic.endsWith("r") || text.contains("}[");
    int bytes = "bhsd".indexOf(element);
    return single ? count << bytes : count * (wide ? 16 : 8);
  }

  private long expectedAddress(DisassembledInstruction their) {
    String text = their.operandText();
    Matcher address = ADDRESS.matcher(text);
    String inside = null;
    while (address.find()) {
      // A lane index "v0.b}[3]" stands in brackets too.
      if (!Character.isDigit(address.group(1).charAt(0))) {
        inside = address.group(1);
      }
    }
    if (inside == null) {
      return Long.decode(text.substring(text.indexOf('#') + 1));
    }
    String[] parts = inside.split(", ");
    long base = parts[0].equals("sp") ? sp : x[Integer.parseInt(parts[0].substring(1))];
    if (parts.length == 1) {
      return base;
    }
    if (parts[1].startsWith("#")) {
      return base + Long.decode(parts[1].substring(1));
    }
    return base + index(parts);
  }

  /** {@code [base, w1, sxtw #2]} and its kin. */
  private long index(String[] parts) {
    String name = parts[1];
    long value = name.endsWith("zr") ? 0 : x[Integer.parseInt(name.substring(1))];
    String extend = parts.length > 2 ? parts[2] : "lsl #0";
    if (extend.startsWith("uxtw")) {
      value &= 0xffff_ffffL;
    } else if (extend.startsWith("sxtw")) {
      value = value << 32 >> 32;
    }
    int hash = extend.indexOf('#');
    return hash < 0 ? value : value << Integer.parseInt(extend.substring(hash + 1));
  }

  @Test
  void theMemoryOperandOfCapstoneNamesTheSameBase() {
    try (Capstone capstone = Capstone.open(Capstone.Mode.ARM64)) {
      // ldr x1, [sp, #8]
      byte[] code = {(byte) 0xe1, 0x07, 0x40, (byte) 0xf9};
      DisassembledInstruction their = capstone.disassemble(code, PC, 1).getFirst();
      Memory memory = (Memory) their.operands().get(1);
      assertThat(memory.base()).isEqualTo("sp");
      assertThat(Arm64Access.base(Arm64AccessDecoder.decode(0xf940_07e1))).isEqualTo(31);
      assertThat(Arm64Access.address(Arm64AccessDecoder.decode(0xf940_07e1), registers, PC))
          .isEqualTo(sp + memory.displacement());
    }
  }
}
