package dev.quire.mmu.x86.oracle;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A second, slow reading of SDM vol. 3A 4.3 to 4.9, written from the manual's tables level by
 * level. It shares no code with the walker it judges: no constant, no loop over levels, no packed
 * word. One thread.
 */
public final class OracleWalker {
  /** Where a guest physical access ends: the second stage, or nothing at all. */
  public interface Below {
    /**
     * Translates or throws.
     *
     * @param kind 'r', 'w' or 'x'
     * @param table whether the access is to a paging-structure entry
     * @param userPage whether the linear address is a user-mode one
     */
    Frame translate(long gpa, char kind, boolean table, boolean userPage) throws Fault;

    /** Without a second stage. */
    Below IDENTITY =
        (gpa, kind, table, userPage) -> new Frame(gpa, 39, true, true, true, "WB", false);
  }

  /**
   * The end of the second stage: an address, the log2 of the page's bytes, what is allowed, the
   * memory type and whether the guest's is ignored.
   */
  public record Frame(
      long pa,
      int sizeLog2,
      boolean readable,
      boolean writable,
      boolean executable,
      String memoryType,
      boolean ignorePat) {}

  /** The end of a good walk. */
  public record Page(
      long pa,
      int stage1SizeLog2,
      int sizeLog2,
      boolean grantRead,
      boolean grantWrite,
      boolean grantExecute,
      boolean global,
      String memoryType) {}

  /**
   * The end of a bad one. {@code what}: "#PF", "#GP", "violation", "misconfiguration", "nowhere".
   */
  public static final class Fault extends Exception {
    private static final long serialVersionUID = 1;
    private final String what;
    private final long code;
    private final long gpa;

    Fault(String what, long code, long gpa) {
      super(what, null, false, false);
      this.what = what;
      this.code = code;
      this.gpa = gpa;
    }

    /** Which of the five. */
    public String what() {
      return what;
    }

    /** The error code of #PF, or the exit qualification. */
    public long code() {
      return code;
    }

    public long gpa() {
      return gpa;
    }
  }

  /** One paging-structure entry that the walk used. */
  private record Used(long gpa, long pa, long value, boolean writableBelow) {}

  private static final long FRAME = 0x000ffffffffff000L;

  /** Table 12-7: MTRR or EPT type, then the PAT's in this order. */
  private static final List<String> PAT_COLUMNS = List.of("UC", "UC-", "WC", "WT", "WB", "WP");

  private static final Map<String, List<String>> EFFECTIVE_TYPE =
      Map.of(
          "UC", List.of("UC", "UC", "WC", "UC", "UC", "UC"),
          "WC", List.of("UC", "WC", "WC", "UC", "WC", "UC"),
          "WT", List.of("UC", "UC", "WC", "WT", "WT", "WP"),
          "WB", List.of("UC", "UC", "WC", "WT", "WB", "WP"),
          "WP", List.of("UC", "WC", "WC", "UC", "WP", "WP"));

  private final long[] memory;
  private final int physicalBits;
  private final long[] pdptes = new long[4];
  private long cr0;
  private long cr3;
  private long cr4;
  private long efer;
  private long pkru;
  private long pkrs;
  private long pat = 0x0007040600070406L;
  private Below below = Below.IDENTITY;

  private char kind;
  private boolean user;
  private boolean implicit;
  private boolean alignmentCheck;
  private long address;
  private final List<Used> used = new ArrayList<>();

  /**
   * An oracle over a copy of memory of its own, from address 0, in which it sets flags.
   *
   * @param physicalBits MAXPHYADDR
   */
  public OracleWalker(long[] memory, int physicalBits) {
    this.memory = memory;
    this.physicalBits = physicalBits;
  }

  /** The memory it walks and writes, live. */
  public long[] memory() {
    return memory;
  }

  /** Control registers as they stand. */
  public void registers(long newCr0, long newCr3, long newCr4, long newEfer) {
    cr0 = newCr0;
    cr3 = newCr3;
    cr4 = newCr4;
    efer = newEfer;
  }

  /** The PDPTE registers of PAE paging. */
  public void pdptes(long... values) {
    System.arraycopy(values, 0, pdptes, 0, 4);
  }

  /** PKRU and IA32_PKRS. */
  public void keys(int newPkru, int newPkrs) {
    pkru = newPkru;
    pkrs = newPkrs;
  }

  /** IA32_PAT. */
  public void pat(long newPat) {
    pat = newPat;
  }

  /** What translates guest physical addresses. */
  public void below(Below newBelow) {
    below = newBelow;
  }

  /**
   * Walks for one access.
   *
   * @param kind 'r', 'w' or 'x'
   * @throws Fault how the access fails
   */
  public Page walk(long va, char kind, boolean user, boolean implicit, boolean alignmentCheck)
      throws Fault {
    this.kind = kind;
    this.user = user && !implicit;
    this.implicit = implicit;
    this.alignmentCheck = alignmentCheck;
    address = va;
    used.clear();
    if (!bit(cr0, 31)) {
      Frame frame = page(va, true, true, false);
      int size = Math.min(30, frame.sizeLog2);
      boolean data = kind != 'x';
      return new Page(
          frame.pa,
          30,
          size,
          frame.readable,
          data && frame.writable,
          !data && frame.executable,
          false,
          frame.ignorePat ? frame.memoryType : effectiveType(frame.memoryType, "WB"));
    }
    if (!bit(cr4, 5)) {
      return directory32();
    }
    if (!bit(efer, 8)) {
      return pdpte();
    }
    if (bit(cr4, 12)) {
      checkCanonical(57);
      return pml5();
    }
    checkCanonical(48);
    return pml4(cr3 & FRAME);
  }

  private void checkCanonical(int width) throws Fault {
    String binary = String.format("%64s", Long.toBinaryString(address)).replace(' ', '0');
    String top = binary.substring(0, 64 - width + 1);
    if (top.contains("0") && top.contains("1")) {
      throw new Fault("#GP", 0, 0);
    }
  }

  private Page pml5() throws Fault {
    long e = entry64((cr3 & FRAME) + 8 * field(56, 48));
    present(e);
    reservedIf(bit(e, 7));
    reservedCommon(e);
    return pml4(e & FRAME);
  }

  private Page pml4(long table) throws Fault {
    long e = entry64(table + 8 * field(47, 39));
    present(e);
    reservedIf(bit(e, 7));
    reservedCommon(e);
    return directoryPointer(e & FRAME);
  }

  private Page directoryPointer(long table) throws Fault {
    long e = entry64(table + 8 * field(38, 30));
    present(e);
    reservedCommon(e);
    if (bit(e, 7)) {
      for (int low = 13; low <= 29; low++) {
        reservedIf(bit(e, low));
      }
      return leaf(e, (e >>> 30 << 30 & FRAME) + field(29, 0), 30);
    }
    return directory(e & FRAME);
  }

  private Page pdpte() throws Fault {
    long e = pdptes[(int) field(31, 30)];
    present(e);
    return directory(e & FRAME);
  }

  private Page directory(long table) throws Fault {
    long e = entry64(table + 8 * field(29, 21));
    present(e);
    reservedCommon(e);
    if (bit(e, 7)) {
      for (int low = 13; low <= 20; low++) {
        reservedIf(bit(e, low));
      }
      return leaf(e, (e >>> 21 << 21 & FRAME) + field(20, 0), 21);
    }
    long pte = entry64((e & FRAME) + 8 * field(20, 12));
    present(pte);
    reservedCommon(pte);
    return leaf(pte, (pte & FRAME) + field(11, 0), 12);
  }

  private Page directory32() throws Fault {
    long e = entry32((cr3 & 0xfffff000L) + 4 * field(31, 22));
    present(e);
    if (bit(e, 7) && bit(cr4, 4)) {
      reservedIf(bit(e, 21));
      int width = Math.min(physicalBits, 40);
      long high = 0;
      for (int bit = 13; bit <= 20; bit++) {
        int addressBit = bit + 19;
        if (addressBit >= width) {
          reservedIf(bit(e, bit));
        } else if (bit(e, bit)) {
          high += 1L << addressBit;
        }
      }
      return leaf(e, high + (e >>> 22 << 22) + field(21, 0), 22);
    }
    long pte = entry32((e & 0xfffff000L) + 4 * field(21, 12));
    present(pte);
    return leaf(pte, (pte & 0xfffff000L) + field(11, 0), 12);
  }

  private long entry64(long gpa) throws Fault {
    Frame frame = below.translate(gpa, 'r', true, false);
    if (frame.pa < 0 || frame.pa >= memory.length * 8L) {
      throw new Fault("nowhere", 0, gpa);
    }
    long value = memory[(int) (frame.pa / 8)];
    used.add(new Used(gpa, frame.pa, value, frame.writable));
    return value;
  }

  private long entry32(long gpa) throws Fault {
    Frame frame = below.translate(gpa, 'r', true, false);
    if (frame.pa < 0 || frame.pa >= memory.length * 8L) {
      throw new Fault("nowhere", 0, gpa);
    }
    long word = memory[(int) (frame.pa / 8)];
    long value = frame.pa % 8 == 0 ? word & 0xffffffffL : word >>> 32;
    used.add(new Used(gpa, frame.pa, value, frame.writable));
    return value;
  }

  private void present(long e) throws Fault {
    if (!bit(e, 0)) {
      throw pageFault(0);
    }
  }

  private void reservedIf(boolean set) throws Fault {
    if (set) {
      throw pageFault(1 + 8);
    }
  }

  /** What is reserved in every 8-byte entry. */
  private void reservedCommon(long e) throws Fault {
    for (int high = physicalBits; high <= 51; high++) {
      reservedIf(bit(e, high));
    }
    if (!bit(efer, 8)) {
      for (int high = 52; high <= 62; high++) {
        reservedIf(bit(e, high));
      }
    }
    reservedIf(bit(e, 63) && !bit(efer, 11));
  }

  private Page leaf(long e, long gpa, int sizeLog2) throws Fault {
    if (!allowed(kind)) {
      throw pageFault(keyDenies(kind) ? 1 + 32 : 1);
    }
    boolean userAddress = used.stream().allMatch(u -> bit(u.value, 2));
    boolean writable = used.stream().allMatch(u -> bit(u.value, 1));
    boolean disabled = wide() && used.stream().anyMatch(u -> bit(u.value, 63));
    Frame frame = page(gpa, userAddress, writable, disabled);
    boolean wide = wide();
    for (Used entry : used) {
      boolean last = entry == used.getLast();
      boolean update = !bit(entry.value, 5) || last && kind == 'w' && !bit(entry.value, 6);
      if (update && !entry.writableBelow) {
        below.translate(entry.gpa, 'w', true, false);
      }
    }
    for (Used entry : used) {
      setFlag(entry, 5, wide);
      if (entry == used.getLast() && kind == 'w') {
        setFlag(entry, 6, wide);
      }
    }
    boolean dirty = bit(e, 6) || kind == 'w';
    boolean data = kind != 'x';
    return new Page(
        frame.pa,
        sizeLog2,
        Math.min(sizeLog2, frame.sizeLog2),
        allowed('r') && frame.readable,
        data && allowed('w') && dirty && frame.writable,
        !data && allowed('x') && frame.executable,
        bit(cr4, 7) && bit(e, 8),
        frame.ignorePat ? frame.memoryType : effectiveType(frame.memoryType, patType(e, sizeLog2)));
  }

  private boolean wide() {
    return bit(cr4, 5);
  }

  /** The access to the page itself; a violation there tells what paging says of the page. */
  private Frame page(long gpa, boolean userAddress, boolean writable, boolean disabled)
      throws Fault {
    try {
      return below.translate(gpa, kind, false, userAddress);
    } catch (Fault fault) {
      if (!fault.what.equals("violation")) {
        throw fault;
      }
      long page = (userAddress ? 512L : 0) + (writable ? 1024 : 0) + (disabled ? 2048 : 0);
      throw new Fault(fault.what, fault.code + page, fault.gpa);
    }
  }

  /** Table 12-11 and the PAT bit, which is bit 12 in large pages. */
  private String patType(long e, int sizeLog2) {
    int number = (bit(e, 3) ? 1 : 0) + (bit(e, 4) ? 2 : 0);
    number += bit(e, sizeLog2 == 12 ? 7 : 12) ? 4 : 0;
    return switch ((int) (pat >> 8 * number) % 8) {
      case 0 -> "UC";
      case 1 -> "WC";
      case 4 -> "WT";
      case 5 -> "WP";
      case 6 -> "WB";
      default -> "UC-";
    };
  }

  private static String effectiveType(String below, String pat) {
    return EFFECTIVE_TYPE.get(below).get(PAT_COLUMNS.indexOf(pat));
  }

  private void setFlag(Used entry, int flag, boolean wide) {
    int shift = !wide && entry.pa % 8 == 4 ? 32 : 0;
    memory[(int) (entry.pa / 8)] |= 1L << flag + shift;
  }

  /** SDM 4.6.2, whatever 4.6.1 says. */
  private boolean keyDenies(char what) {
    if (what == 'x' || !bit(efer, 8)) {
      return false;
    }
    boolean userAddress = used.stream().allMatch(e -> bit(e.value, 2));
    if (!bit(cr4, userAddress ? 22 : 24)) {
      return false;
    }
    int key = (int) (used.getLast().value << 1 >>> 60);
    long register = userAddress ? pkru : pkrs;
    boolean accessDisabled = bit(register, 2 * key);
    boolean writeDisabled = bit(register, 2 * key + 1);
    return accessDisabled || writeDisabled && what == 'w' && (user || bit(cr0, 16));
  }

  private boolean allowed(char what) {
    return !keyDenies(what) && allowedByEntries(what);
  }

  /** SDM 4.6.1, one bullet at a time. */
  private boolean allowedByEntries(char what) {
    boolean userAddress = used.stream().allMatch(e -> bit(e.value, 2));
    boolean writable = used.stream().allMatch(e -> bit(e.value, 1));
    boolean executeDisabled = used.stream().anyMatch(e -> bit(e.value, 63));
    boolean wp = bit(cr0, 16);
    boolean smep = bit(cr4, 20);
    boolean smap = bit(cr4, 21);
    if (user) {
      return switch (what) {
        case 'r' -> userAddress;
        case 'w' -> userAddress && writable;
        default -> userAddress && !executeDisabled;
      };
    }
    if (what == 'x') {
      return userAddress ? !smep && !executeDisabled : !executeDisabled;
    }
    boolean userDataAllowed = !smap || alignmentCheck && !implicit;
    if (what == 'r') {
      return !userAddress || userDataAllowed;
    }
    return (!userAddress || userDataAllowed) && (!wp || writable);
  }

  private Fault pageFault(long cause) {
    long code = cause;
    if (kind == 'w') {
      code += 2;
    }
    if (user) {
      code += 4;
    }
    boolean smep = bit(cr4, 20);
    boolean nxe = bit(cr4, 5) && bit(efer, 11);
    if (kind == 'x' && (smep || nxe)) {
      code += 16;
    }
    return new Fault("#PF", code, 0);
  }

  private long field(int high, int low) {
    return address << 63 - high >>> 63 - high + low;
  }

  private static boolean bit(long value, int number) {
    return (value >> number) % 2 != 0;
  }
}
