package dev.quire.kvm.x86;

import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.kvm.x86.irqchip.LapicState;
import dev.quire.kvm.x86.irqchip.UserIoApic;
import java.util.function.LongSupplier;

/**
 * A vCPU's interrupts from its in-kernel local APIC, x2APIC mode and start-up messages included
 * (Linux v6.18 arch/x86/kvm/lapic.c). VM thread only.
 */
final class ApicInterrupts extends VcpuInterrupts implements KernelApic {
  private static final long X2APIC_ENABLE = 1 << 10;
  private static final int X2APIC_FIRST = 0x800;
  private static final int REGISTER_ID = 0x020;
  private static final int REGISTER_VERSION = 0x030;
  private static final int REGISTER_TASK_PRIORITY = 0x080;
  private static final int REGISTER_EOI = 0x0b0;
  private static final int REGISTER_LDR = 0x0d0;
  private static final int REGISTER_DFR = 0x0e0;
  private static final int REGISTER_SELF_IPI = 0x3f0;
  private static final int REGISTER_ICR = 0x300;
  private static final int REGISTER_ICR_HIGH = 0x310;
  private static final int ICR_LOGICAL = 0x800;
  private static final int ICR_SELF = 0x4_0000;
  private static final int CLUSTER_IDS = 16;
  private static final int FLAT_IDS = 8;
  private static final int BROADCAST = 0xff;

  private final LocalApic local;
  private final UserIoApic userIoApic;
  private final VirtualApicPage virtualPage;
  private final int id;
  private final VirtualClock clock;
  private final Runnable changed;
  private TaskPriorityReports reports;
  private LongSupplier timeStamp;
  private long base;
  private long value;
  private boolean initLatched;
  private boolean sipiPending;
  private int sipiVector;

  /**
   * @param userIoApic null unless the irqchip is split
   * @param changed told when the APIC's mode or registers were changed from outside
   */
  ApicInterrupts(
      LocalApic local,
      UserIoApic userIoApic,
      VirtualApicPage virtualPage,
      int id,
      VirtualClock clock,
      Runnable changed) {
    this.changed = changed;
    this.local = local;
    this.userIoApic = userIoApic;
    this.virtualPage = virtualPage;
    this.id = id;
    this.clock = clock;
    base = local.apicBase();
  }

  @Override
  void attach(LongSupplier counter, TaskPriorityReports taskPriority) {
    timeStamp = counter;
    reports = taskPriority;
  }

  @Override
  int takeEnded() {
    return userIoApic == null ? -1 : userIoApic.takeEnded();
  }

  @Override
  boolean acceptsExternal() {
    return local.acceptsExternal();
  }

  /** The instruction at {@code rip} accesses the task priority. */
  void taskPriorityAccess(long rip, boolean write) {
    virtualPage.take();
    reports.accessed(rip, write);
  }

  @Override
  KernelApic apic() {
    return this;
  }

  @Override
  public int pendingVector() {
    return local.pendingVector();
  }

  @Override
  public int acknowledge() {
    return local.acknowledge();
  }

  @Override
  public long cr8() {
    virtualPage.take();
    return Integer.toUnsignedLong(local.taskPriority() >>> 4);
  }

  @Override
  public void setCr8(long priority) {
    virtualPage.take();
    local.setTaskPriority((int) priority << 4);
  }

  @Override
  public void baseChanged(long newBase) {
    if (((newBase ^ base) & (LocalApic.BASE_ENABLE | X2APIC_ENABLE)) != 0) {
      changed.run();
    }
    base = newBase;
    local.setApicBase(newBase & ~X2APIC_ENABLE);
    if (isX2Apic()) {
      // What 8-bit logical destinations of the first cluster mean.
      local.writeWord(REGISTER_DFR, -1);
      local.writeWord(REGISTER_LDR, id < FLAT_IDS ? 1 << 24 + id : 0);
    }
  }

  private boolean isX2Apic() {
    return (base & X2APIC_ENABLE) != 0;
  }

  @Override
  public boolean setVirtualPage(long gpa) {
    return virtualPage.setAddress(gpa);
  }

  @Override
  void enterGuest() {
    virtualPage.give();
  }

  @Override
  void leaveGuest() {
    virtualPage.take();
  }

  @Override
  public void save(byte[] registers) {
    byte[] page = LapicState.of(local);
    System.arraycopy(page, 0, registers, 0, page.length);
  }

  @Override
  public int load(byte[] registers) {
    LapicState.load(local, registers);
    changed.run();
    return 0;
  }

  @Override
  public boolean readMsr(int msr) {
    int register = msr - X2APIC_FIRST << 4;
    switch (register) {
      case REGISTER_ID -> value = id;
      case REGISTER_LDR -> value = (long) (id / CLUSTER_IDS) << 16 | 1L << id % CLUSTER_IDS;
      case REGISTER_ICR ->
          value =
              local.readWord(REGISTER_ICR) & 0xffff_ffffL
                  | (long) (local.readWord(REGISTER_ICR_HIGH) >>> 24) << 32;
      case REGISTER_ICR_HIGH, REGISTER_DFR, REGISTER_EOI, REGISTER_SELF_IPI -> {
        return false;
      }
      default -> {
        if (!LapicState.isRegister(register)) {
          return false;
        }
        if (register == REGISTER_TASK_PRIORITY) {
          taskPriorityAccess(reports.here(), false);
        }
        value = local.readWord(register) & 0xffff_ffffL;
      }
    }
    return true;
  }

  @Override
  public boolean writeMsr(int msr, long data) {
    int register = msr - X2APIC_FIRST << 4;
    switch (register) {
      case REGISTER_ICR -> sendIpi(data);
      case REGISTER_SELF_IPI -> local.writeWord(REGISTER_ICR, (int) data & 0xff | ICR_SELF);
      case REGISTER_EOI -> {
        if (data != 0) {
          return false;
        }
        local.writeWord(register, 0);
      }
      case REGISTER_ID, REGISTER_VERSION, REGISTER_LDR, REGISTER_DFR, REGISTER_ICR_HIGH -> {
        return false;
      }
      default -> {
        boolean known = LapicState.isRegister(register) && (register < 0x100 || register >= 0x280);
        if (!known || data >>> 32 != 0) {
          return false;
        }
        if (register == REGISTER_TASK_PRIORITY) {
          taskPriorityAccess(reports.here(), true);
        }
        local.writeWord(register, (int) data);
      }
    }
    return true;
  }

  /** The destination has 32 bits; a logical one names a cluster and which of its 16 ids. */
  private void sendIpi(long command) {
    int destination = (int) (command >>> 32);
    int low = (int) command;
    if ((low & ICR_LOGICAL) == 0 || destination == -1) {
      boolean all = destination == -1;
      if (all || destination >= 0 && destination < BROADCAST) {
        send(all ? BROADCAST : destination, low & ~ICR_LOGICAL);
      }
      return;
    }
    int cluster = destination >>> 16;
    for (int bit = 0; bit < CLUSTER_IDS; bit++) {
      int target = cluster * CLUSTER_IDS + bit;
      if ((destination >>> bit & 1) != 0 && target < BROADCAST) {
        send(target, low & ~ICR_LOGICAL);
      }
    }
  }

  private void send(int destination, int low) {
    local.writeWord(REGISTER_ICR_HIGH, destination << 24);
    local.writeWord(REGISTER_ICR, low);
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public long tscDeadline() {
    return local.tscDeadline();
  }

  @Override
  public void setTscDeadline(long tsc) {
    local.setTscOffset(timeStamp.getAsLong() - clock.nowNanos());
    local.setTscDeadline(tsc);
  }

  // INIT and start-up messages.

  @Override
  public boolean initLatched() {
    return initLatched;
  }

  @Override
  public void setInitLatched(boolean latched) {
    initLatched = latched;
  }

  @Override
  public void pendSipi() {
    sipiPending = true;
  }

  @Override
  public void setSipiVector(int vector) {
    sipiVector = vector & 0xff;
  }

  /** INIT for this vCPU: an older start-up message is void. */
  void init() {
    initLatched = true;
    sipiPending = false;
    changed.run();
  }

  /** A start-up message for this vCPU. */
  void sipi(int vector) {
    sipiVector = vector;
    sipiPending = true;
  }

  @Override
  boolean takeInit() {
    boolean pending = initLatched;
    initLatched = false;
    return pending;
  }

  @Override
  int takeSipi() {
    boolean pending = sipiPending;
    sipiPending = false;
    return pending ? sipiVector : -1;
  }
}
