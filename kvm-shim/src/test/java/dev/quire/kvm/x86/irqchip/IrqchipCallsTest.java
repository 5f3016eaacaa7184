package dev.quire.kvm.x86.irqchip;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.emulator.device.x86.VcpuSignals;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.UserMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Results are Linux 6.18's: of recordings, or read in arch/x86/kvm where a comment says so. */
class IrqchipCallsTest implements IrqchipOwner, Caller, UserMemory {
  private static final long AT = 0x1000;
  private static final int LOCAL_APIC_ENABLED = 0x1ff;

  private final byte[] memory = new byte[8192];
  private final EventQueue events = new EventQueue();
  private final IrqchipCalls calls = new IrqchipCalls(this);
  private long nowNanos;
  private boolean vcpus;
  private KernelIrqchip irqchip;
  private LocalApic local;
  private final List<Integer> ended = new ArrayList<>();

  // IrqchipOwner

  @Override
  public boolean hasVcpus() {
    return vcpus;
  }

  @Override
  public VirtualClock clock() {
    return () -> nowNanos;
  }

  @Override
  public EventQueue events() {
    return events;
  }

  @Override
  public VcpuSignals signals() {
    return new VcpuSignals() {
      @Override
      public void init(int cpu) {}

      @Override
      public void sipi(int cpu, int vectorPage) {}

      @Override
      public void nmi(int cpu) {}

      @Override
      public void interruptStateChanged(int cpu) {}
    };
  }

  @Override
  public int currentVcpu() {
    return 0;
  }

  @Override
  public void acknowledged(int gsi) {
    ended.add(gsi);
  }

  @Override
  public void taskPriorityAccess(boolean write) {}

  @Override
  public void installed(KernelIrqchip chips) {
    irqchip = chips;
  }

  // Caller

  @Override
  public UserMemory memory() {
    return this;
  }

  @Override
  public Descriptors descriptors() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Object addressSpace() {
    return this;
  }

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    if (address < AT || address - AT + bytes > memory.length) {
      return false;
    }
    System.arraycopy(memory, (int) (address - AT), target, offset, bytes);
    return true;
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    if (address < AT || address - AT + bytes > memory.length) {
      return false;
    }
    System.arraycopy(source, offset, memory, (int) (address - AT), bytes);
    return true;
  }

  private long call(int request, int... words) {
    ByteBuffer out = ByteBuffer.wrap(memory).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.fill(memory, (byte) 0);
    for (int word : words) {
      out.putInt(word);
    }
    return calls.ioctl(this, request, AT);
  }

  private int word(int offset) {
    return ByteBuffer.wrap(memory).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
  }

  private void createWithVcpu() {
    assertThat(call(Ioctls.CREATE_IRQCHIP)).isZero();
    local = irqchip.addVcpu(0, true);
    vcpus = true;
  }

  private void outByte(int port, int value) {
    assertThat(irqchip.write(true, port, 1, value)).isTrue();
  }

  private void writeIoApic(int register, int value) {
    assertThat(irqchip.write(false, 0xfec0_0000L, 4, register)).isTrue();
    assertThat(irqchip.write(false, 0xfec0_0010L, 4, value)).isTrue();
  }

  /** As a VM does: no event is run late. */
  private void advanceTo(long nanos) {
    while (events.nextDeadlineNanos() <= nanos) {
      nowNanos = events.nextDeadlineNanos();
      events.runDue(nowNanos);
    }
    nowNanos = nanos;
  }

  @Test
  void callsBeforeThereAreControllers() {
    assertThat(call(Ioctls.IRQ_LINE, 4, 1)).isEqualTo(-Errno.ENXIO);
    assertThat(call(Ioctls.IRQ_LINE_STATUS, 4, 1)).isEqualTo(-Errno.ENXIO);
    assertThat(word(0)).isEqualTo(4);
    assertThat(call(Ioctls.GET_IRQCHIP, 0)).isEqualTo(-Errno.ENXIO);
    assertThat(call(Ioctls.SIGNAL_MSI, 0xfee0_0000, 0, 0x20)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Ioctls.SET_GSI_ROUTING, 1, 0, 4, 1, 0, 0, 0, 4)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Ioctls.CREATE_PIT2)).isEqualTo(-Errno.ENOENT);
    vcpus = true;
    assertThat(call(Ioctls.CREATE_IRQCHIP)).isEqualTo(-Errno.EINVAL);
    assertThat(calls.createSplit(24)).isEqualTo(-Errno.EEXIST);
  }

  @Test
  void controllersAreMadeOnce() {
    assertThat(call(Ioctls.CREATE_IRQCHIP)).isZero();
    assertThat(call(Ioctls.CREATE_IRQCHIP)).isEqualTo(-Errno.EEXIST);
    assertThat(calls.createSplit(24)).isEqualTo(-Errno.EEXIST);
    assertThat(call(Ioctls.GET_PIT2)).isEqualTo(-Errno.ENXIO);
    assertThat(call(Ioctls.CREATE_PIT2)).isZero();
    assertThat(call(Ioctls.CREATE_PIT2)).isEqualTo(-Errno.EEXIST);
    assertThat(call(Ioctls.GET_PIT2)).isZero();
  }

  @Test
  void aNewIoApicIsMaskedAtEveryPin() {
    createWithVcpu();
    assertThat(call(Ioctls.GET_IRQCHIP, 2)).isZero();
    byte[] first = new byte[40];
    read(AT + 8, first, 0, first.length);
    assertThat(HexFormat.of().formatHex(first))
        .isEqualTo(
            "0000c0fe00000000"
                + "00000000"
                + "00000000"
                + "00000000"
                + "00000000"
                + "0000010000000000"
                + "0000010000000000");
  }

  @Test
  void routesAreChecked() {
    createWithVcpu();
    assertThat(call(Ioctls.SET_GSI_ROUTING, entries(pin(4, 0, 4), pin(4, 2, 4)))).isZero();
    assertThat(call(Ioctls.SET_GSI_ROUTING, entries(pin(5, 7, 4)))).isEqualTo(-Errno.EINVAL);
    assertThat(call(Ioctls.SET_GSI_ROUTING, entries(pin(5, 0, 40)))).isEqualTo(-Errno.EINVAL);
    assertThat(call(Ioctls.SET_GSI_ROUTING, entries(pin(5000, 0, 4)))).isEqualTo(-Errno.EINVAL);
    assertThat(call(Ioctls.SET_GSI_ROUTING, entries(pin(4, 0, 4), pin(4, 0, 5))))
        .as("setup_routing_entry: one pin of a chip for a GSI")
        .isEqualTo(-Errno.EINVAL);
    assertThat(call(Ioctls.SET_GSI_ROUTING, 0, 0)).isZero();
    assertThat(call(Ioctls.IRQ_LINE_STATUS, 4, 1)).isZero();
    assertThat(word(0)).as("leads nowhere now").isEqualTo(-1);
  }

  private static int[] pin(int gsi, int chip, int pin) {
    return new int[] {gsi, 1, 0, 0, chip, pin, 0, 0, 0, 0, 0, 0};
  }

  private static int[] entries(int[]... entries) {
    int[] all = new int[2 + 12 * entries.length];
    all[0] = entries.length;
    for (int i = 0; i < entries.length; i++) {
      System.arraycopy(entries[i], 0, all, 2 + 12 * i, 12);
    }
    return all;
  }

  @Test
  void aLineReachesTheVcpuThroughThePic() {
    createWithVcpu();
    outByte(0x20, 0x11);
    outByte(0x21, 0x30);
    outByte(0x21, 0x04);
    outByte(0x21, 0x01);
    assertThat(local.pendingVector()).isEqualTo(-1);
    assertThat(call(Ioctls.IRQ_LINE, 4, 1)).isZero();
    assertThat(local.pendingVector()).isEqualTo(0x34);
    assertThat(call(Ioctls.IRQ_LINE_STATUS, 4, 1)).isZero();
    assertThat(word(0)).as("no edge").isEqualTo(1);
    assertThat(call(Ioctls.IRQ_LINE, 4, 0)).isZero();
    assertThat(call(Ioctls.IRQ_LINE_STATUS, 4, 1)).isZero();
    assertThat(word(0)).as("pending already").isZero();
    assertThat(local.acknowledge()).isEqualTo(0x34);
    outByte(0x21, 0x10);
    assertThat(call(Ioctls.IRQ_LINE_STATUS, 4, 0)).isZero();
    assertThat(word(0)).as("the PIC ignores a masked line, the IOAPIC takes it").isEqualTo(1);
  }

  @Test
  void aLineReachesTheVcpuThroughTheIoApic() {
    createWithVcpu();
    local.writeWord(0xf0, LOCAL_APIC_ENABLED);
    writeIoApic(0x10 + 2 * 20, 0x8000 | 0x41);
    writeIoApic(0x11 + 2 * 20, 0);
    irqchip.setLine(20, true, KernelIrqchip.Source.USER);
    irqchip.setLine(20, true, KernelIrqchip.Source.RESAMPLE);
    irqchip.setLine(20, false, KernelIrqchip.Source.USER);
    assertThat(local.acknowledge()).isEqualTo(0x41);
    local.writeWord(0xb0, 0);
    assertThat(local.pendingVector()).as("one source holds the line still").isEqualTo(0x41);
    assertThat(ended).containsExactly(20);
    local.acknowledge();
    irqchip.setLine(20, false, KernelIrqchip.Source.RESAMPLE);
    local.writeWord(0xb0, 0);
    assertThat(local.pendingVector()).isEqualTo(-1);
  }

  @Test
  void messagesTellHowManyTookThem() {
    assertThat(call(Ioctls.CREATE_IRQCHIP)).isZero();
    assertThat(call(Ioctls.SIGNAL_MSI, 0xfee0_0000, 0, 0x20)).as("no vCPU").isEqualTo(-1);
    local = irqchip.addVcpu(0, true);
    assertThat(call(Ioctls.SIGNAL_MSI, 0xfee0_0000, 0, 0x4020)).as("APIC off").isZero();
    local.writeWord(0xf0, LOCAL_APIC_ENABLED);
    assertThat(call(Ioctls.SIGNAL_MSI, 0xfee0_0000, 0, 0x4031)).isEqualTo(1);
    assertThat(local.pendingVector()).isEqualTo(0x31);
  }

  @Test
  void chipStatesComeBackAsTheyWent() {
    createWithVcpu();
    for (int chip = 0; chip < 3; chip++) {
      byte[] state = new byte[520];
      state[0] = (byte) chip;
      // Linux keeps what it is given, also a base and a mask that no chip has.
      byte[] pic = {1, 2, 4, 8, 3, 0x4a, 1, 0, 1, 2, 1, 0, 1, 1, 0x20, (byte) 0xf0};
      System.arraycopy(pic, 0, state, 8, 16);
      if (chip == 1) {
        state[8 + 15] = (byte) 0xde;
        state[8 + 14] = 0x40;
      }
      if (chip == 2) {
        state = ioApicState();
      }
      System.arraycopy(state, 0, memory, 0, state.length);
      assertThat(calls.ioctl(this, Ioctls.SET_IRQCHIP, AT)).isZero();
      assertThat(call(Ioctls.GET_IRQCHIP, chip)).isZero();
      byte[] back = new byte[520];
      read(AT, back, 0, back.length);
      assertThat(back).as("chip " + chip).isEqualTo(state);
    }
    assertThat(call(Ioctls.SET_IRQCHIP, 3)).isEqualTo(-Errno.EINVAL);
  }

  private static byte[] ioApicState() {
    ByteBuffer state = ByteBuffer.allocate(520).order(ByteOrder.LITTLE_ENDIAN);
    state.putInt(0, 2).putLong(8, 0xfec0_0000L).putInt(16, 0x12).putInt(20, 3);
    for (int pin = 0; pin < 24; pin++) {
      state.putLong(32 + 8 * pin, 0x0300_0000_0001_0000L | 0x30 + pin);
    }
    return state.array();
  }

  @Test
  void localApicStateComesBack() {
    createWithVcpu();
    local.writeWord(0xf0, LOCAL_APIC_ENABLED);
    local.writeWord(0x80, 0x20);
    local.writeWord(0x320, 0x2_0055);
    local.writeWord(0x3e0, 0xb);
    local.writeWord(0x380, 1000);
    nowNanos = 300;
    call(Ioctls.SIGNAL_MSI, 0xfee0_0000, 0, 0x4077);
    byte[] saved = LapicState.of(local);
    assertThat(ByteBuffer.wrap(saved).order(ByteOrder.LITTLE_ENDIAN).getInt(0x390)).isEqualTo(700);
    nowNanos = 5_000;
    LocalApic other = new KernelIrqchip(this, true, 0).addVcpu(0, true);
    LapicState.load(other, saved);
    assertThat(LapicState.of(other)).isEqualTo(saved);
    assertThat(other.acknowledge()).isEqualTo(0x77);
    other.writeWord(0xb0, 0);
    advanceTo(5_700);
    assertThat(other.pendingVector()).as("its timer went on").isEqualTo(0x55);
  }

  @Test
  void thePitTicks() {
    createWithVcpu();
    assertThat(call(Ioctls.CREATE_PIT2, 0)).isZero();
    assertThat(irqchip.read(true, 0x61, 1)).as("no speaker was asked for").isFalse();
    outByte(0x20, 0x11);
    outByte(0x21, 0x20);
    outByte(0x21, 0x04);
    outByte(0x21, 0x01);
    outByte(0x43, 0x34);
    outByte(0x40, 0xe8);
    outByte(0x40, 0x03);
    assertThat(local.pendingVector()).isEqualTo(-1);
    // 1000 clocks of 1193182 Hz, and the one that loads.
    advanceTo(840_000);
    assertThat(local.acknowledge()).isEqualTo(0x20);
    assertThat(call(Ioctls.GET_PIT2)).isZero();
    assertThat(word(0)).isEqualTo(1000);
    assertThat(memory[13]).as("mode").isEqualTo((byte) 2);
    byte[] saved = memory.clone();
    System.arraycopy(saved, 0, memory, 0, saved.length);
    assertThat(calls.ioctl(this, Ioctls.SET_PIT2, AT)).isZero();
    outByte(0x20, 0x20);
    advanceTo(nowNanos + 900_000);
    assertThat(local.pendingVector()).isEqualTo(0x20);
  }

  @Test
  void addressesThatAreNoneAreFaults() {
    createWithVcpu();
    for (int request :
        new int[] {
          Ioctls.GET_IRQCHIP,
          Ioctls.SET_IRQCHIP,
          Ioctls.IRQ_LINE,
          Ioctls.SIGNAL_MSI,
          Ioctls.SET_GSI_ROUTING,
          Ioctls.CREATE_PIT2,
          Ioctls.REINJECT_CONTROL
        }) {
      assertThat(calls.ioctl(this, request, 0)).isEqualTo(-Errno.EFAULT);
    }
  }
}
