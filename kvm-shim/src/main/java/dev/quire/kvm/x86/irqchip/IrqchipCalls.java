package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.PicPair;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The VM's calls about its interrupt controllers, in the order in which Linux checks their
 * arguments (Linux v6.18 arch/x86/kvm/x86.c, kvm_arch_vm_ioctl; virt/kvm/kvm_main.c). On the VM's
 * thread.
 */
public final class IrqchipCalls {
  /** struct kvm_irqchip: an id, padding, the chip's state. */
  private static final int CHIP_BYTES = 520;

  private static final int CHIP_AT = 8;
  private static final int MSI_BYTES = 32;
  private static final int MSI_VALID_DEVID = 1;
  private static final int PIT_CONFIG_BYTES = 64;
  private static final int PIT_SPEAKER_DUMMY = 1;
  private static final int MOST_RESERVED_ROUTES = 4096;

  private final IrqchipOwner owner;
  private KernelIrqchip irqchip;

  public IrqchipCalls(IrqchipOwner owner) {
    this.owner = owner;
  }

  /** Null before KVM_CREATE_IRQCHIP or its split form. */
  public KernelIrqchip irqchip() {
    return irqchip;
  }

  /** The result, -errno, or {@link ArchVcpu#UNKNOWN} if the call is about something else. */
  public long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.CREATE_IRQCHIP -> create(false, 0);
      case Ioctls.CREATE_PIT -> createPit(true);
      case Ioctls.CREATE_PIT2 -> createPit2(caller, argument);
      case Ioctls.GET_IRQCHIP -> getChip(caller, argument);
      case Ioctls.SET_IRQCHIP -> setChip(caller, argument);
      case Ioctls.IRQ_LINE -> line(caller, argument, false);
      case Ioctls.IRQ_LINE_STATUS -> line(caller, argument, true);
      case Ioctls.GET_PIT -> getPit(caller, argument, KernelPit.STATE_BYTES);
      case Ioctls.GET_PIT2 -> getPit(caller, argument, KernelPit.STATE2_BYTES);
      case Ioctls.SET_PIT -> setPit(caller, argument, KernelPit.STATE_BYTES);
      case Ioctls.SET_PIT2 -> setPit(caller, argument, KernelPit.STATE2_BYTES);
      case Ioctls.REINJECT_CONTROL -> reinject(caller, argument);
      case Ioctls.SIGNAL_MSI -> signalMsi(caller, argument);
      case Ioctls.SET_GSI_ROUTING -> setRouting(caller, argument);
      default -> ArchVcpu.UNKNOWN;
    };
  }

  /** KVM_CAP_SPLIT_IRQCHIP: only local APICs, and routes for messages. */
  public long createSplit(long reservedRoutes) {
    if (Long.compareUnsigned(reservedRoutes, MOST_RESERVED_ROUTES) > 0) {
      return -Errno.EINVAL;
    }
    return irqchip != null || owner.hasVcpus() ? -Errno.EEXIST : create(true, (int) reservedRoutes);
  }

  private long create(boolean split, int userPins) {
    if (irqchip != null) {
      return -Errno.EEXIST;
    }
    if (owner.hasVcpus()) {
      return -Errno.EINVAL;
    }
    irqchip = new KernelIrqchip(owner, split, userPins);
    owner.installed(irqchip);
    return 0;
  }

  private long createPit2(Caller caller, long argument) {
    byte[] config = new byte[PIT_CONFIG_BYTES];
    if (!caller.memory().read(argument, config, 0, config.length)) {
      return -Errno.EFAULT;
    }
    return createPit((buffer(config).getInt(0) & PIT_SPEAKER_DUMMY) != 0);
  }

  private long createPit(boolean speaker) {
    return irqchip == null ? -Errno.ENOENT : irqchip.createPit(speaker);
  }

  private boolean hasChips() {
    return irqchip != null && !irqchip.isSplit();
  }

  private long getChip(Caller caller, long argument) {
    byte[] chip = new byte[CHIP_BYTES];
    if (!caller.memory().read(argument, chip, 0, chip.length)) {
      return -Errno.EFAULT;
    }
    if (!hasChips()) {
      return -Errno.ENXIO;
    }
    int id = buffer(chip).getInt(0);
    byte[] state =
        switch (id) {
          case GsiRoutes.MASTER, GsiRoutes.SLAVE ->
              PicState.of(irqchip.pics().registers(id == GsiRoutes.SLAVE));
          case GsiRoutes.IOAPIC -> IoApicState.of(irqchip.ioApic());
          default -> null;
        };
    if (state == null) {
      return -Errno.EINVAL;
    }
    System.arraycopy(state, 0, chip, CHIP_AT, state.length);
    return give(caller, argument, chip);
  }

  private long setChip(Caller caller, long argument) {
    byte[] chip = new byte[CHIP_BYTES];
    if (!caller.memory().read(argument, chip, 0, chip.length)) {
      return -Errno.EFAULT;
    }
    if (!hasChips()) {
      return -Errno.ENXIO;
    }
    PicPair pics = irqchip.pics();
    switch (buffer(chip).getInt(0)) {
      case GsiRoutes.MASTER -> pics.setRegisters(false, PicState.parse(chip, CHIP_AT));
      case GsiRoutes.SLAVE -> pics.setRegisters(true, PicState.parse(chip, CHIP_AT));
      case GsiRoutes.IOAPIC -> IoApicState.load(irqchip.ioApic(), chip, CHIP_AT);
      default -> {
        return -Errno.EINVAL;
      }
    }
    return 0;
  }

  private long line(Caller caller, long argument, boolean withStatus) {
    byte[] level = new byte[8];
    if (!caller.memory().read(argument, level, 0, level.length)) {
      return -Errno.EFAULT;
    }
    if (irqchip == null) {
      return -Errno.ENXIO;
    }
    ByteBuffer fields = buffer(level);
    boolean asserted = fields.getInt(4) != 0;
    int status = irqchip.setLine(fields.getInt(0), asserted, KernelIrqchip.Source.USER);
    fields.putInt(0, status);
    return withStatus ? give(caller, argument, level) : 0;
  }

  private long getPit(Caller caller, long argument, int bytes) {
    byte[] before = new byte[bytes];
    if (bytes == KernelPit.STATE_BYTES
        && !caller.memory().read(argument, before, 0, before.length)) {
      return -Errno.EFAULT;
    }
    if (irqchip == null || irqchip.pit() == null) {
      return -Errno.ENXIO;
    }
    byte[] state = irqchip.pit().state();
    return caller.memory().write(argument, state, 0, bytes) ? 0 : -Errno.EFAULT;
  }

  private long setPit(Caller caller, long argument, int bytes) {
    byte[] state = new byte[bytes];
    if (!caller.memory().read(argument, state, 0, bytes)) {
      return -Errno.EFAULT;
    }
    if (irqchip == null || irqchip.pit() == null) {
      return -Errno.ENXIO;
    }
    irqchip.pit().setState(state);
    return 0;
  }

  /** Ticks are never lost in virtual time: there is nothing to reinject. */
  private long reinject(Caller caller, long argument) {
    byte[] control = new byte[32];
    if (!caller.memory().read(argument, control, 0, control.length)) {
      return -Errno.EFAULT;
    }
    return irqchip == null || irqchip.pit() == null ? -Errno.ENXIO : 0;
  }

  private long signalMsi(Caller caller, long argument) {
    byte[] msi = new byte[MSI_BYTES];
    if (!caller.memory().read(argument, msi, 0, msi.length)) {
      return -Errno.EFAULT;
    }
    ByteBuffer fields = buffer(msi);
    if (irqchip == null || (fields.getInt(12) & ~MSI_VALID_DEVID) != 0) {
      return -Errno.EINVAL;
    }
    long address = fields.getInt(0) & 0xffff_ffffL | (long) fields.getInt(4) << 32;
    return irqchip.signal(address, fields.getInt(8));
  }

  private long setRouting(Caller caller, long argument) {
    byte[] header = new byte[8];
    if (!caller.memory().read(argument, header, 0, header.length)) {
      return -Errno.EFAULT;
    }
    int count = buffer(header).getInt(0);
    if (irqchip == null
        || Integer.compareUnsigned(count, GsiRoutes.MOST) > 0
        || buffer(header).getInt(4) != 0) {
      return -Errno.EINVAL;
    }
    byte[] entries = new byte[count * GsiRoutes.ENTRY_BYTES];
    if (!caller.memory().read(argument + header.length, entries, 0, entries.length)) {
      return -Errno.EFAULT;
    }
    GsiRoutes routes = GsiRoutes.parse(entries, !irqchip.isSplit());
    if (routes == null) {
      return -Errno.EINVAL;
    }
    irqchip.setRoutes(routes);
    return 0;
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long give(Caller caller, long argument, byte[] bytes) {
    return caller.memory().write(argument, bytes, 0, bytes.length) ? 0 : -Errno.EFAULT;
  }
}
