package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.ApicBus;
import dev.quire.emulator.device.x86.ApicMessage;
import dev.quire.emulator.device.x86.ExternalInterruptSource;
import dev.quire.emulator.device.x86.IoApic;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.emulator.device.x86.PicPair;
import dev.quire.emulator.device.x86.PicRegisters;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.vm.KvmBus;
import java.util.TreeMap;

/**
 * The in-kernel interrupt controllers of one VM: two PICs and an IOAPIC (unless the irqchip is
 * split), a local APIC a vCPU, and the PIT if one was asked for. On the VM's thread.
 */
public final class KernelIrqchip implements KvmBus.Device {
  /** Who holds a line: its level is that of all of them together. */
  public enum Source {
    USER,
    PIT,
    RESAMPLE
  }

  /** What {@link #setLine} answers for a line that leads nowhere, or is masked. */
  static final int IGNORED = -1;

  private static final long TASK_PRIORITY = 0x080;
  private static final int IOAPIC_FIRST = 2 * GsiRoutes.PIC_PINS;
  private static final int ENTRY_MASKED = 1 << 16;
  private static final int ENTRY_LEVEL = 1 << 15;

  /** APIC_BROADCAST. */
  private static final int BROADCAST = 0xff;

  private static final int FIXED = 0;

  private static final int LOWEST_PRIORITY = 1;

  /** Delivery mode of LINT0 alone: of a message it is dropped. */
  private static final int EXTINT = 7;

  /** An MSI address's redirection hint. */
  private static final int REDIRECTED = 1 << 3;

  private final IrqchipOwner owner;
  private final boolean split;
  private final int userPins;

  private final ApicBus bus = new ApicBus();
  private final TreeMap<Integer, LocalApic> locals = new TreeMap<>();

  /** The APIC of the newest vCPU while KVM's map lacks it. */
  private LocalApic unmapped;

  private final PicPair pics = new PicPair(this::picOutput);
  private final IoApic ioApic = new IoApic(bus);
  private boolean picAsserts;
  private KernelPit pit;
  private GsiRoutes routes;

  /** Sources that assert each input, a bit each: of the PICs, then of the IOAPIC. */
  private final byte[] asserted = new byte[IOAPIC_FIRST + IoApic.PINS];

  private long answer;

  /**
   * @param split only the local APICs are in the kernel (KVM_CAP_SPLIT_IRQCHIP)
   * @param userPins GSIs that belong to user space's IOAPIC then
   */
  KernelIrqchip(IrqchipOwner owner, boolean split, int userPins) {
    this.owner = owner;
    this.split = split;
    this.userPins = userPins;
    ioApic.onEndOfInterrupt(pin -> acknowledged(GsiRoutes.IOAPIC, pin));
    pics.onEndOfInterrupt(
        irq -> acknowledged(irq < GsiRoutes.PIC_PINS ? GsiRoutes.MASTER : GsiRoutes.SLAVE, irq));
    routes = split ? GsiRoutes.NONE : GsiRoutes.standard();
    for (boolean slave : new boolean[] {false, true}) {
      pics.setRegisters(slave, PicState.atCreation(slave));
    }
  }

  /** Adds the local APIC of a new vCPU, whose id is its APIC id. */
  public LocalApic addVcpu(int id, boolean bootProcessor) {
    ExternalInterruptSource external = split ? ExternalInterruptSource.NONE : pics;
    LocalApic local =
        new LocalApic(
            id, bootProcessor, bus, owner.signals(), external, owner.clock(), owner.events());
    locals.put(id, local);
    unmapped = local;
    local.lint(0).set(picAsserts);
    return local;
  }

  /** The 8259 pair's INT goes to every LINT0; only one in ExtINT mode takes it. */
  private void picOutput(boolean level) {
    picAsserts = level;
    for (LocalApic local : locals.values()) {
      local.lint(0).set(level);
    }
  }

  private void acknowledged(int chip, int pin) {
    int gsi = routes.gsiOf(chip, pin);
    if (gsi >= 0) {
      owner.acknowledged(gsi);
    }
  }

  public boolean isSplit() {
    return split;
  }

  /** Makes the PIT: 0 or -errno. */
  public long createPit(boolean speaker) {
    if (pit != null) {
      return -Errno.EEXIST;
    }
    if (split) {
      return -Errno.ENOENT;
    }
    pit =
        new KernelPit(
            owner.clock(), owner.events(), level -> setLine(0, level, Source.PIT), speaker);
    return 0;
  }

  /** Null without one. */
  KernelPit pit() {
    return pit;
  }

  PicPair pics() {
    return pics;
  }

  IoApic ioApic() {
    return ioApic;
  }

  /** What tells of the ends of a vCPU's interrupts; null unless the irqchip is split. */
  public UserIoApic userIoApic(LocalApic local) {
    return split ? new UserIoApic(local, this) : null;
  }

  int userPins() {
    return userPins;
  }

  GsiRoutes routes() {
    return routes;
  }

  void setRoutes(GsiRoutes newRoutes) {
    routes = newRoutes;
  }

  /**
   * Sets a GSI's line as one of its sources sees it.
   *
   * @return as KVM_IRQ_LINE_STATUS tells it: {@link #IGNORED}, 0 if the interrupt was pending
   *     already, else to how many it was delivered
   */
  public int setLine(int gsi, boolean level, Source source) {
    int status = IGNORED;
    for (GsiRoutes.Target target : routes.of(gsi)) {
      int one =
          switch (target) {
            case GsiRoutes.Target.Message message -> level ? send(message) : IGNORED;
            case GsiRoutes.Target.Pin pin -> setPin(pin, level, source);
          };
      if (one >= 0) {
        status = one + Math.max(status, 0);
      }
    }
    return status;
  }

  /** An edge on a GSI, as an irqfd makes. */
  public void pulse(int gsi) {
    setLine(gsi, true, Source.USER);
    setLine(gsi, false, Source.USER);
  }

  private int setPin(GsiRoutes.Target.Pin pin, boolean level, Source source) {
    boolean ofIoApic = pin.chip() == GsiRoutes.IOAPIC;
    int input = (ofIoApic ? IOAPIC_FIRST : 0) + pin.pin();
    int bit = 1 << source.ordinal();
    boolean before = asserted[input] != 0;
    asserted[input] = (byte) (level ? asserted[input] | bit : asserted[input] & ~bit);
    boolean now = asserted[input] != 0;
    return ofIoApic ? setIoApicPin(pin.pin(), now) : setPicPin(pin.pin(), before, now);
  }

  /** As pic_set_irq1: where no edge is, nothing was pending already. */
  private int setPicPin(int irq, boolean before, boolean level) {
    boolean slave = irq >= GsiRoutes.PIC_PINS;
    int bit = 1 << (irq & 7);
    PicRegisters registers = pics.registers(slave);
    boolean pending = (registers.irr() & bit) != 0;
    boolean triggers = level && (!before || (registers.elcr() & bit) != 0);
    pics.line(irq).set(level);
    if ((pics.registers(slave).imr() & bit) != 0) {
      return IGNORED;
    }
    return triggers && pending ? 0 : 1;
  }

  private int setIoApicPin(int pin, boolean level) {
    boolean before = (ioApic.lines() >>> pin & 1) != 0;
    ioApic.line(pin).set(level);
    if (!level) {
      return 1;
    }
    long entry = ioApic.entry(pin);
    if ((entry & ENTRY_LEVEL) == 0 && before) {
      return 0;
    }
    return (entry & ENTRY_MASKED) != 0 ? IGNORED : 1;
  }

  private int send(GsiRoutes.Target.Message message) {
    return bus.deliverCounted(message.message());
  }

  /**
   * KVM_SIGNAL_MSI: to how many vCPUs it was delivered. With a map of its APICs KVM finds the ones
   * that are addressed, and no vCPU there is an interrupt that nobody took; only a broadcast is
   * offered to each APIC: -1 if all of them cannot be chosen as the one of the lowest priority
   * (Linux v6.18 arch/x86/kvm/lapic.c, kvm_irq_delivery_to_apic_fast; irq.c,
   * kvm_irq_delivery_to_apic). The map was made before the newest vCPU was there: until some APIC
   * changes, a message to that one is lost.
   */
  int signal(long address, int data) {
    ApicMessage message = ApicMessage.fromMsi(address, data);
    if (message.destination() == BROADCAST) {
      return broadcast(message, (address & REDIRECTED) != 0);
    }
    boolean isLost = !message.logical() && isUnmapped(message.destination());
    if (isLost || message.deliveryMode() == EXTINT && !locals.isEmpty()) {
      return 0;
    }
    return locals.isEmpty() ? -1 : Math.max(0, bus.deliverCounted(message));
  }

  /** All ones is everybody, in logical mode too; a physical one has no lowest priority. */
  private int broadcast(ApicMessage message, boolean redirected) {
    boolean choosesOne =
        message.logical() && (message.deliveryMode() == LOWEST_PRIORITY || redirected);
    if (choosesOne) {
      return bus.deliverCounted(message);
    }
    if (message.deliveryMode() == EXTINT) {
      return locals.isEmpty() ? -1 : 0;
    }
    int mode = message.deliveryMode() == LOWEST_PRIORITY ? FIXED : message.deliveryMode();
    ApicMessage all =
        new ApicMessage(message.vector(), mode, false, message.levelTriggered(), BROADCAST);
    return locals.isEmpty() ? -1 : Math.max(0, bus.deliverCounted(all));
  }

  private boolean isUnmapped(int id) {
    LocalApic local = unmapped == null ? null : locals.get(id);
    return local != null && local == unmapped && !local.isEnabled();
  }

  /** An APIC has changed: KVM finds each from now on. */
  public void mapAll() {
    unmapped = null;
  }

  // KvmBus.Device

  @Override
  public boolean write(boolean port, long address, int bytes, long data) {
    if (port) {
      return !split && writePort((int) address, bytes, data);
    }
    LocalApic local = localAt(address, bytes);
    if (local != null) {
      reportTaskPriority(address, true);
      local.write(address - LocalApic.DEFAULT_BASE_GPA, bytes, data);
      return true;
    }
    if (isIoApic(address, bytes)) {
      ioApic.write(address - IoApic.DEFAULT_BASE_GPA, bytes, data);
      return true;
    }
    return false;
  }

  @Override
  public boolean read(boolean port, long address, int bytes) {
    if (port) {
      return !split && readPort((int) address, bytes);
    }
    LocalApic local = localAt(address, bytes);
    if (local != null) {
      reportTaskPriority(address, false);
      answer = local.read(address - LocalApic.DEFAULT_BASE_GPA, bytes);
      return true;
    }
    if (isIoApic(address, bytes)) {
      answer = ioApic.read(address - IoApic.DEFAULT_BASE_GPA, bytes);
      return true;
    }
    return false;
  }

  @Override
  public long answer() {
    return answer;
  }

  private void reportTaskPriority(long address, boolean write) {
    if ((address - LocalApic.DEFAULT_BASE_GPA & ~0xfL) == TASK_PRIORITY) {
      owner.taskPriorityAccess(write);
    }
  }

  /** The local APIC whose page this is, if the access lies in it. */
  private LocalApic localAt(long address, int bytes) {
    long offset = address - LocalApic.DEFAULT_BASE_GPA;
    if (offset < 0 || offset + bytes > 0x1000) {
      return null;
    }
    LocalApic local = locals.get(owner.currentVcpu());
    return local != null && (local.apicBase() & LocalApic.BASE_ENABLE) != 0 ? local : null;
  }

  private boolean isIoApic(long address, int bytes) {
    long offset = address - IoApic.DEFAULT_BASE_GPA;
    return !split && offset >= 0 && offset + bytes <= IoApic.BYTES;
  }

  private static boolean isPicPort(int port) {
    return (port & ~1) == 0x20 || (port & ~1) == 0xa0 || (port & ~1) == 0x4d0;
  }

  private boolean writePort(int port, int bytes, long data) {
    if (isPicPort(port)) {
      // KVM takes single bytes there; wider accesses are dropped.
      if (bytes == 1) {
        pics.writeByte(port, (int) data & 0xff);
      }
      return true;
    }
    return pit != null && pit.write(port, bytes, data);
  }

  private boolean readPort(int port, int bytes) {
    if (isPicPort(port)) {
      answer = bytes == 1 ? pics.readByte(port) : 0;
      return true;
    }
    if (pit != null && pit.claims(port)) {
      answer = pit.read(port, bytes);
      return true;
    }
    return false;
  }
}
