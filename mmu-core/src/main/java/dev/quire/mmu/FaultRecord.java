package dev.quire.mmu;

/**
 * The details of the last failed translation. One preallocated object per vCPU, overwritten by each
 * failure; nothing on the hot path allocates. Owned by the vCPU's thread.
 */
public final class FaultRecord {
  public static final int NONE = 0;

  /** Stage 1 refuses: the guest gets an exception with {@link #syndrome()}. */
  public static final int GUEST = 1;

  /** x86: the address is not canonical, #GP or #SS. */
  public static final int NON_CANONICAL = 2;

  /** The second stage has no (sufficient) mapping of {@link #gpa()}: the host resolves it. */
  public static final int STAGE2 = 3;

  /** The second stage's own tables are malformed: an EPT misconfiguration, a reserved encoding. */
  public static final int STAGE2_MISCONFIGURED = 4;

  /** A table lies where no memory is: Arm reports a synchronous external abort on the walk. */
  public static final int EXTERNAL = 5;

  private int kind;
  private int access;
  private int initiator;
  private int level;
  private long va;
  private long gpa;
  private long syndrome;

  /**
   * Records a failure and gives its packed form.
   *
   * @param kind one of the constants above
   * @param va the guest virtual address asked for (for a second stage alone, 0)
   * @param gpa the guest physical address that failed, where there is one
   * @param access the failed access, {@link Access}; {@link Access#TABLE_WALK} if it was a table's
   * @param level the level of the table whose entry failed, in the architecture's own numbering
   * @param syndrome x86: the #PF error code or exit qualification; Arm: the fault status code
   */
  public long set(int kind, long va, long gpa, int access, int level, long syndrome) {
    this.kind = kind;
    this.va = va;
    this.gpa = gpa;
    this.access = access;
    this.initiator = access;
    this.level = level;
    this.syndrome = syndrome;
    return Translation.failure(kind);
  }

  /** Sets the virtual address, which a second stage does not know. */
  public void setVa(long va) {
    this.va = va;
  }

  /** Sets the syndrome, to which stage 1 may add what a second stage does not know. */
  public void setSyndrome(long newSyndrome) {
    syndrome = newSyndrome;
  }

  /** Sets the access that began the walk, which a table access does not tell. */
  public void setInitiator(int newInitiator) {
    initiator = newInitiator;
  }

  /** The access the vCPU made: {@link #access}, or the one whose walk met that table access. */
  public int initiator() {
    return initiator;
  }

  /** Takes over another record's contents. */
  public void copyFrom(FaultRecord other) {
    set(other.kind, other.va, other.gpa, other.access, other.level, other.syndrome);
    initiator = other.initiator;
  }

  public void clear() {
    kind = NONE;
  }

  public int kind() {
    return kind;
  }

  public int access() {
    return access;
  }

  public int level() {
    return level;
  }

  public long va() {
    return va;
  }

  public long gpa() {
    return gpa;
  }

  public long syndrome() {
    return syndrome;
  }

  @Override
  public String toString() {
    return "fault kind=%d %s va=0x%x gpa=0x%x level=%d syndrome=0x%x"
        .formatted(kind, Access.describe(access), va, gpa, level, syndrome);
  }
}
