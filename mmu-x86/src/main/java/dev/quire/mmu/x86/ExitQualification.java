package dev.quire.mmu.x86;

import dev.quire.mmu.Access;

/**
 * The exit qualification of an EPT violation (SDM vol. 3C table 28-7): the syndrome of {@link
 * dev.quire.mmu.FaultRecord#STAGE2}.
 *
 * <pre>
 *  63   13 12  11  10   9    8        7     6   5   4   3    2    1    0
 * +-------+---+---+---+----+-------+--------+---+---+---+---+-----+----+----+
 * |   0   |NMI|stage-1 page|linear |linear  |  entry says   |  the access   |
 * |       |unb|XD |R/W|U/S |access |valid   |XU |X  |W  |R  |fetch|wr. |read|
 * +-------+---+---+---+----+-------+--------+---+---+---+---+-----+----+----+
 * </pre>
 *
 * Bits 11:9 need "advanced VM-exit information for EPT violations", which this processor has. Bit 6
 * is undefined without mode-based execute control, and 0 here.
 */
public final class ExitQualification {
  public static final long READ = 1L << 0;
  public static final long WRITE = 1L << 1;
  public static final long FETCH = 1L << 2;

  /** The AND of the rights of all entries used; 0 if one was not present. */
  public static final long ENTRY_READABLE = 1L << 3;

  public static final long ENTRY_WRITABLE = 1L << 4;
  public static final long ENTRY_EXECUTABLE = 1L << 5;
  public static final long ENTRY_RIGHTS = ENTRY_READABLE | ENTRY_WRITABLE | ENTRY_EXECUTABLE;

  /** With mode-based execute control: executable by user-mode linear addresses. */
  public static final long ENTRY_USER_EXECUTABLE = 1L << 6;

  /** The violation belongs to a linear address (all but those of a PDPTE load). */
  public static final long LINEAR_VALID = 1L << 7;

  /** The access was to the translation of the linear address, not to a table entry. */
  public static final long LINEAR_ACCESS = 1L << 8;

  /**
   * The linear address is a user-mode one; this and the next two are 0 unless {@link
   * #LINEAR_ACCESS}.
   */
  public static final long USER_PAGE = 1L << 9;

  /** Paging makes the page read/write. */
  public static final long WRITABLE_PAGE = 1L << 10;

  /** Paging makes the page execute-disable. */
  public static final long NO_EXECUTE_PAGE = 1L << 11;

  /** The access was part of an IRET that ended NMI blocking; the vCPU's to add. */
  public static final long NMI_UNBLOCKING = 1L << 12;

  private static final int ENTRY_SHIFT = 3;

  private ExitQualification() {}

  /**
   * The qualification of a violation.
   *
   * @param entryRights the AND of {@link EptEntry#RIGHTS}, and of {@link EptEntry#USER_EXECUTE}
   *     with mode-based execute control, over the entries used
   * @param accessedDirty whether EPTP enables A/D: an access to a guest table reads and writes
   */
  static long of(int access, long entryRights, boolean accessedDirty) {
    long qualification = (entryRights & EptEntry.RIGHTS) << ENTRY_SHIFT | LINEAR_VALID;
    qualification |= (entryRights & EptEntry.USER_EXECUTE) != 0 ? ENTRY_USER_EXECUTABLE : 0;
    if (!Access.isTableWalk(access)) {
      qualification |= LINEAR_ACCESS;
    } else if (accessedDirty) {
      return qualification | READ | WRITE;
    }
    return qualification
        | switch (Access.type(access)) {
          case Access.WRITE -> WRITE;
          case Access.FETCH -> FETCH;
          default -> READ;
        };
  }

  /**
   * The same violation with what stage 1 says of the page, if it is one of the page.
   *
   * @param rights {@link PageRights}
   */
  static long withPage(long qualification, long rights) {
    if ((qualification & LINEAR_ACCESS) == 0) {
      return qualification;
    }
    return qualification
        | ((rights & PageRights.USER) != 0 ? USER_PAGE : 0)
        | ((rights & PageRights.WRITABLE) != 0 ? WRITABLE_PAGE : 0)
        | ((rights & PageRights.NO_EXECUTE) != 0 ? NO_EXECUTE_PAGE : 0);
  }

  /** The violation of an access that was part of an IRET under NMI blocking. */
  public static long duringIret(long qualification) {
    return qualification | NMI_UNBLOCKING;
  }

  /** The same violation when no linear address was being translated. */
  static long withoutLinearAddress(long qualification) {
    return qualification & ~(LINEAR_VALID | LINEAR_ACCESS);
  }

  /** For messages: {@code "write to a page that is r-x"}. */
  public static String describe(long qualification) {
    StringBuilder text = new StringBuilder();
    text.append((qualification & READ) != 0 ? "read " : "");
    text.append((qualification & WRITE) != 0 ? "write " : "");
    text.append((qualification & FETCH) != 0 ? "fetch " : "");
    boolean table = (qualification & (LINEAR_VALID | LINEAR_ACCESS)) == LINEAR_VALID;
    text.append(table ? "of a guest table in " : "of ");
    if ((qualification & (ENTRY_RIGHTS | ENTRY_USER_EXECUTABLE)) == 0) {
      return text.append("an absent page").toString();
    }
    return text.append("a page that is ")
        .append((qualification & ENTRY_READABLE) != 0 ? 'r' : '-')
        .append((qualification & ENTRY_WRITABLE) != 0 ? 'w' : '-')
        .append((qualification & ENTRY_EXECUTABLE) != 0 ? 'x' : '-')
        .append((qualification & ENTRY_USER_EXECUTABLE) != 0 ? "u" : "")
        .toString();
  }
}
