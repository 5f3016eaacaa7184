package dev.quire.emulator.decode;

/**
 * The x86 opcode maps as 16 by 16 grids, laid out like those of the SDM (vol. 2D, appendix A). A
 * cell has three letters: what follows the opcode, what is done to the memory operand, and its
 * size.
 *
 * <pre>
 * form    - nothing        M ModRM              B ModRM imm8     Z ModRM imm16/32
 *         b imm8           z imm16/32           w imm16          v imm16/32/64
 *         j rel16/32       e imm16 imm8         f far pointer    o address-size offset
 *         R ModRM, always a register            S the same with imm8
 *         D ModRM imm8 imm8
 *         x prefix or escape                    u undefined          ? ModRM, undefined
 * access  . none   r read   w write   m read-modify-write   g by the ModRM reg field
 * size    b 1  w 2  d 4  q 8  x 16 (vector)   v operand size   y 4, REX.W 8   l 4, 64-bit mode 8
 *         p far pointer   n two operands (BOUND)   s MOVSXD or ARPL
 * </pre>
 *
 * MOV to and from control registers take any mod field for a register; the engine does so too for
 * MOVMSKPS, MOVQ2DQ, MOVDQ2Q and the shifts by immediate (0F 50, D6, 71 to 73), which the manual
 * leaves undefined with memory. Lengths follow the engine there, so that instructions are counted
 * as it executes them.
 *
 * <p>The maps behind 0F depend on the mandatory prefix; rows left out of a prefix's grid are those
 * of the grid without prefix, and an encoding undefined with a prefix keeps the form it has
 * without.
 */
final class X86OpcodeMaps {
  static final int NO_PREFIX = 0;
  static final int PREFIX_66 = 1;
  static final int PREFIX_F3 = 2;
  static final int PREFIX_F2 = 3;

  private static final String ONE_BYTE =
      """
      0 Mmb Mmv Mrb Mrv b.. z.. -.. -.. Mmb Mmv Mrb Mrv b.. z.. -.. x..
      1 Mmb Mmv Mrb Mrv b.. z.. -.. -.. Mmb Mmv Mrb Mrv b.. z.. -.. -..
      2 Mmb Mmv Mrb Mrv b.. z.. x.. -.. Mmb Mmv Mrb Mrv b.. z.. x.. -..
      3 Mmb Mmv Mrb Mrv b.. z.. x.. -.. Mrb Mrv Mrb Mrv b.. z.. x.. -..
      4 -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -..
      5 -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. -..
      6 -.. -.. Mrn Mgs x.. x.. x.. x.. z.. Zrv b.. Brv -.. -.. -.. -..
      7 b.. b.. b.. b.. b.. b.. b.. b.. b.. b.. b.. b.. b.. b.. b.. b..
      8 Bgb Zgv Bgb Bgv Mrb Mrv Mmb Mmv Mwb Mwv Mrb Mrv Mww M.. Mrw Mwv
      9 -.. -.. -.. -.. -.. -.. -.. -.. -.. -.. f.. -.. -.. -.. -.. -..
      A orb orv owb owv -.. -.. -.. -.. b.. z.. -.. -.. -.. -.. -.. -..
      B b.. b.. b.. b.. b.. b.. b.. b.. v.. v.. v.. v.. v.. v.. v.. v..
      C Bmb Bmv w.. -.. Mrp Mrp Bwb Zwv e.. -.. w.. -.. -.. b.. -.. -..
      D Mmb Mmv Mmb Mmv b.. b.. -.. -.. Mg. Mg. Mg. Mg. Mg. Mg. Mg. Mg.
      E b.. b.. b.. b.. b.. b.. b.. b.. j.. j.. f.. b.. -.. -.. -.. -..
      F x.. -.. x.. x.. -.. -.. Mgb Mgv -.. -.. -.. -.. -.. -.. Mgb Mgv
      """;

  private static final String TWO_BYTE =
      """
      0 Mgw Mg. Mrw Mrw u.. -.. -.. -.. -.. -.. u.. -.. u.. M.. -.. Brq
      1 Mrx Mwx Mrq Mwq Mrx Mrx Mrq Mwq M.. M.. M.. M.. M.. M.. M.. M..
      2 R.. R.. R.. R.. ?.. u.. ?.. u.. Mrx Mwx Mrq Mwx Mrq Mrq Mrd Mrd
      3 -.. -.. -.. -.. -.. -.. u.. -.. x.. u.. x.. u.. u.. u.. u.. u..
      4 Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv Mrv
      5 R.. Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrq Mrx Mrx Mrx Mrx Mrx
      6 Mrd Mrd Mrd Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq ?.. ?.. Mry Mrq
      7 Brq S.. S.. S.. Mrq Mrq Mrq -.. Mwl Mrl u.. u.. ?.. ?.. Mwy Mwq
      8 j.. j.. j.. j.. j.. j.. j.. j.. j.. j.. j.. j.. j.. j.. j.. j..
      9 Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb Mwb
      A -.. -.. -.. Mrv Bmv Mmv u.. M.. -.. -.. -.. Mmv Bmv Mmv Mg. Mrv
      B Mmb Mmv Mrp Mmv Mrp Mrp Mrb Mrw ?.. M.. Bgv Mmv Mrv Mrv Mrb Mrw
      C Mmb Mmv Brx Mwy Brw B.. Brx Mg. -.. -.. -.. -.. -.. -.. -.. -..
      D ?.. Mrq Mrq Mrq Mrq Mrq ?.. M.. Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq
      E Mrq Mrq Mrq Mrq Mrq Mrq ?.. Mwq Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq
      F ?.. Mrq Mrq Mrq Mrq Mrq Mrq Mwq Mrq Mrq Mrq Mrq Mrq Mrq Mrq M..
      """;

  private static final String TWO_BYTE_66 =
      """
      1 Mrx Mwx Mrq Mwq Mrx Mrx Mrq Mwq M.. M.. M.. M.. M.. M.. M.. M..
      2 R.. R.. R.. R.. ?.. u.. ?.. u.. Mrx Mwx Mrq Mwx Mrx Mrx Mrq Mrq
      5 R.. Mrx ?.. ?.. Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx
      6 Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mry Mrx
      7 Brx S.. S.. S.. Mrx Mrx Mrx -.. D.. M.. u.. u.. Mrx Mrx Mwy Mwx
      C Mmb Mmv Brx ?.. Brw B.. Brx Mg. -.. -.. -.. -.. -.. -.. -.. -..
      D Mrx Mrx Mrx Mrx Mrx Mrx Mwq M.. Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx
      E Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mwx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx
      F ?.. Mrx Mrx Mrx Mrx Mrx Mrx Mwx Mrx Mrx Mrx Mrx Mrx Mrx Mrx M..
      """;

  private static final String TWO_BYTE_F3 =
      """
      1 Mrd Mwd Mrx ?.. ?.. ?.. Mrx ?.. M.. M.. M.. M.. M.. M.. M.. M..
      2 R.. R.. R.. R.. ?.. u.. ?.. u.. ?.. ?.. Mry Mwd Mrd Mrd ?.. ?..
      5 ?.. Mrd Mrd Mrd ?.. ?.. ?.. ?.. Mrd Mrd Mrd Mrx Mrd Mrd Mrd Mrd
      6 ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Mrx
      7 Brx ?.. ?.. ?.. ?.. ?.. ?.. -.. Mwl Mrl u.. u.. ?.. ?.. Mrq Mwx
      B Mmb Mmv Mrp Mmv Mrp Mrp Mrb Mrw Mrv M.. Bgv Mmv Mrv Mrv Mrb Mrw
      C Mmb Mmv Brd ?.. ?.. ?.. ?.. Mg. -.. -.. -.. -.. -.. -.. -.. -..
      D ?.. ?.. ?.. ?.. ?.. ?.. R.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      E ?.. ?.. ?.. ?.. ?.. ?.. Mrq ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      F ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. M..
      """;

  private static final String TWO_BYTE_F2 =
      """
      1 Mrq Mwq Mrq ?.. ?.. ?.. ?.. ?.. M.. M.. M.. M.. M.. M.. M.. M..
      2 R.. R.. R.. R.. ?.. u.. ?.. u.. ?.. ?.. Mry Mwq Mrq Mrq ?.. ?..
      5 ?.. Mrq ?.. ?.. ?.. ?.. ?.. ?.. Mrq Mrq Mrq ?.. Mrq Mrq Mrq Mrq
      6 ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      7 Brx ?.. ?.. ?.. ?.. ?.. ?.. -.. D.. M.. u.. u.. Mrx Mrx ?.. ?..
      C Mmb Mmv Brq ?.. ?.. ?.. ?.. Mg. -.. -.. -.. -.. -.. -.. -.. -..
      D Mrx ?.. ?.. ?.. ?.. ?.. R.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      E ?.. ?.. ?.. ?.. ?.. ?.. Mrx ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      F Mrx ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. M..
      """;

  private static final String MAP_38 =
      """
      0 Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq Mrq ?.. ?.. ?.. ?..
      1 ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Mrq Mrq Mrq ?..
      C ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Mrx Mrx Mrx Mrx Mrx Mrx ?.. ?..
      F Mrv Mwv ?.. ?.. ?.. ?.. Mwy ?.. ?.. Mwy ?.. ?.. ?.. ?.. ?.. ?..
      """;

  private static final String MAP_38_66 =
      """
      0 Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx ?.. ?.. ?.. ?..
      1 Mrx ?.. ?.. ?.. Mrx Mrx ?.. Mrx ?.. ?.. ?.. ?.. Mrx Mrx Mrx ?..
      2 Mrq Mrd Mrw Mrq Mrd Mrq ?.. ?.. Mrx Mrx Mrx Mrx ?.. ?.. ?.. ?..
      3 Mrq Mrd Mrw Mrq Mrd Mrq ?.. Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx Mrx
      4 Mrx Mrx ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      8 Mrx Mrx Mrx ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      C ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Mrx
      D ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Mrx Mrx Mrx Mrx Mrx
      F Mrv Mwv ?.. ?.. ?.. Mwy Mry ?.. M.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      """;

  private static final String MAP_38_F3 =
      """
      F Mrv Mwv ?.. ?.. ?.. ?.. Mry ?.. M.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      """;

  private static final String MAP_38_F2 =
      """
      F Mrb Mrv ?.. ?.. ?.. ?.. ?.. ?.. M.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      """;

  private static final String MAP_3A =
      """
      0 ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Brq
      C ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Brx ?.. ?.. ?..
      """;

  private static final String MAP_3A_66 =
      """
      0 ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Brx Brx Brd Brq Brx Brx Brx Brx
      1 ?.. ?.. ?.. ?.. Bwb Bww Bwy Bwd ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      2 Brb Brd Bry ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      4 Brx Brx Brx ?.. Brx ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      6 Brx Brx Brx Brx ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?..
      C ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Brx Brx
      D ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. ?.. Brx
      """;

  private static final int UNDEFINED = 1 << 24;
  private static final int CELLS = 256;
  private static final int ROW_CHARS = 66;

  /** Cells by {@code (map * 4 + prefix) * 256 + opcode}; form, access and size letter in a cell. */
  private static final int[] TABLE = new int[4 * 4 * CELLS];

  static {
    for (int prefix = 0; prefix < 4; prefix++) {
      lay(0, prefix, ONE_BYTE);
      lay(1, prefix, TWO_BYTE);
      fill(2, prefix, "?..");
      fill(3, prefix, "?..");
    }
    lay(1, PREFIX_66, TWO_BYTE_66);
    lay(1, PREFIX_F3, TWO_BYTE_F3);
    lay(1, PREFIX_F2, TWO_BYTE_F2);
    lay(2, NO_PREFIX, MAP_38);
    lay(2, PREFIX_66, MAP_38_66);
    lay(2, PREFIX_F3, MAP_38_F3);
    lay(2, PREFIX_F2, MAP_38_F2);
    lay(3, NO_PREFIX, MAP_3A);
    lay(3, PREFIX_66, MAP_3A_66);
  }

  private X86OpcodeMaps() {}

  /** The cell of an opcode: map 0 is the one-byte map, 1 is 0F, 2 is 0F 38, 3 is 0F 3A. */
  static int cell(int map, int prefix, int opcode) {
    return TABLE[(map * 4 + prefix) * CELLS + opcode];
  }

  static int form(int cell) {
    return cell & 0xff;
  }

  static int access(int cell) {
    return cell >>> 8 & 0xff;
  }

  static int size(int cell) {
    return cell >>> 16 & 0xff;
  }

  static boolean isUndefined(int cell) {
    return (cell & UNDEFINED) != 0;
  }

  private static void lay(int map, int prefix, String grid) {
    for (int at = 0; at < grid.length(); at += ROW_CHARS) {
      int row = Character.digit(grid.charAt(at), 16);
      for (int column = 0; column < 16; column++) {
        int index = (map * 4 + prefix) * CELLS + row * 16 + column;
        int cell = pack(grid, at + 2 + 4 * column);
        boolean refines = prefix != NO_PREFIX && form(cell) == '?' && TABLE[index] != 0;
        TABLE[index] = refines ? TABLE[index] | UNDEFINED : cell;
      }
    }
  }

  private static void fill(int map, int prefix, String cell) {
    for (int opcode = 0; opcode < CELLS; opcode++) {
      TABLE[(map * 4 + prefix) * CELLS + opcode] = pack(cell, 0);
    }
  }

  private static int pack(String text, int at) {
    return text.charAt(at) | text.charAt(at + 1) << 8 | text.charAt(at + 2) << 16;
  }
}
