package dev.quire.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Ioctls;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IoBusTest {
  private static final int DATAMATCH = 1;
  private static final int PIO = 2;
  private static final int DEASSIGN = 4;
  private static final int CCW = 8;
  private static final int RING_ENTRIES = 170;

  private final VmTestClient client = new VmTestClient(KernelProfile.LINUX_6_18);
  private final int vm = client.vm();
  private final KvmBus bus = client.architecture.vm.bus();

  @AfterEach
  void close() {
    client.close();
  }

  private long ioeventfd(int event, long address, int bytes, int flags, long data) {
    return client.ioctlLongs(
        vm,
        Ioctls.IOEVENTFD,
        data,
        address,
        (long) event << 32 | Integer.toUnsignedLong(bytes),
        flags);
  }

  private long zone(int request, long address, int bytes, int pio) {
    return client.ioctlLongs(vm, request, address, (long) pio << 32 | bytes);
  }

  private MemorySegment ring() {
    int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 0);
    return client.find(vcpu).pages(2).segment();
  }

  @Test
  void ioeventfdsAreCheckedInTheKernelsOrder() {
    int event = client.newEvent();
    assertThat(ioeventfd(event, 0x1000, 3, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioeventfd(event, -2, 4, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioeventfd(event, 0x1000, 4, 0x20, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioeventfd(event, 0x1000, 0, DATAMATCH, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioeventfd(99, 0x1000, 3, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioeventfd(99, 0x1000, 4, 0, 0)).isEqualTo(-Errno.EBADF);
    assertThat(ioeventfd(vm, 0x1000, 4, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(ioeventfd(event, 0x1000, 0, 0, 0)).isZero();
    assertThat(ioeventfd(event, 0x1000, 4, 0, 0)).isEqualTo(-Errno.EEXIST);
    assertThat(ioeventfd(event, 0x1000, 4, CCW, 0)).as("a bus of its own").isZero();
    assertThat(ioeventfd(event, 0x1000, 4, DEASSIGN, 0)).isEqualTo(-Errno.ENOENT);
    assertThat(ioeventfd(event, 0x1000, 0, DEASSIGN | 0x20, 0)).as("flags unchecked").isZero();
    assertThat(client.ioctl(vm, Ioctls.IOEVENTFD, 0)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void onlyMatchingWritesSignal() {
    int exact = client.newEvent();
    int any = client.newEvent();
    int port = client.newEvent();
    assertThat(ioeventfd(exact, 0x1000, 2, DATAMATCH, 0xbeef)).isZero();
    assertThat(ioeventfd(any, 0x1000, 2, 0, 0)).as("would match too").isEqualTo(-Errno.EEXIST);
    assertThat(ioeventfd(any, 0x1000, 2, DATAMATCH, 0xbeee)).isZero();
    assertThat(ioeventfd(port, 0x1000, 0, PIO, 0)).isZero();
    assertThat(bus.write(false, 0x1000, 2, 0xffff_beefL)).as("two bytes count").isTrue();
    assertThat(bus.write(false, 0x1000, 2, 0xbeed)).isFalse();
    assertThat(bus.write(false, 0x1000, 4, 0xbeef)).isFalse();
    assertThat(bus.write(false, 0x1002, 2, 0xbeef)).isFalse();
    assertThat(bus.read(false, 0x1000, 2)).isFalse();
    assertThat(bus.write(true, 0x1000, 1, 9)).isTrue();
    assertThat(bus.write(true, 0x1000, 4, 9)).isTrue();
    assertThat(client.event(exact).count).isOne();
    assertThat(client.event(any).count).isZero();
    assertThat(client.event(port).count).isEqualTo(2);
    assertThat(ioeventfd(exact, 0x1000, 2, DATAMATCH | DEASSIGN, 0xbeee))
        .as("another's")
        .isEqualTo(-Errno.ENOENT);
    assertThat(ioeventfd(exact, 0x1000, 2, DATAMATCH | DEASSIGN, 0xbeef)).isZero();
    assertThat(bus.write(false, 0x1000, 2, 0xbeef)).isFalse();
  }

  @Test
  void eightBytesMatchWhole() {
    int event = client.newEvent();
    ioeventfd(event, 0x1000, 8, DATAMATCH, -5);
    assertThat(bus.write(false, 0x1000, 8, 0xffff_fffbL)).isFalse();
    assertThat(bus.write(false, 0x1000, 8, -5)).isTrue();
  }

  @Test
  void anEventfdLentTwiceIsOne() {
    int number = client.newEvent();
    int again = (int) client.install(new VmTestClient.TestEvent(client.event(number)));
    assertThat(ioeventfd(number, 0x1000, 4, 0, 0)).isZero();
    assertThat(ioeventfd(again, 0x1000, 4, DEASSIGN, 0)).isZero();
    assertThat(irqfd(number, 4, 0, 0)).isZero();
    assertThat(irqfd(again, 5, 0, 0)).isEqualTo(-Errno.EBUSY);
    assertThat(irqfd(again, 4, DEASSIGN_IRQ, 0)).isZero();
    assertThat(irqfd(again, 5, 0, 0)).isZero();
  }

  @Test
  void anEventfdInUseOutlivesItsNumber() {
    int number = client.newEvent();
    VmTestClient.TestEvent event = client.event(number);
    ioeventfd(number, 0x1000, 4, 0, 0);
    client.closeFile(number);
    assertThat(event.released).isFalse();
    assertThat(bus.write(false, 0x1000, 4, 0)).isTrue();
    client.closeAll();
    assertThat(event.released).isTrue();
  }

  @Test
  void writesToAZoneGoToTheRingUntilItIsFull() {
    assertThat(zone(Ioctls.REGISTER_COALESCED_MMIO, 0x100000, 0x1000, 2)).isEqualTo(-22);
    assertThat(zone(Ioctls.REGISTER_COALESCED_MMIO, 0x100000, 0x1000, 0)).isZero();
    assertThat(zone(Ioctls.REGISTER_COALESCED_MMIO, 0x70, 2, 1)).isZero();
    MemorySegment ring = ring();
    assertThat(bus.write(false, 0x100ffc, 4, 0x1122_3344)).isTrue();
    assertThat(bus.write(true, 0x71, 1, 0x5a)).isTrue();
    assertThat(bus.write(false, 0x100ffd, 4, 0)).as("over its end").isFalse();
    assertThat(bus.write(false, 0x71, 1, 0)).isFalse();
    assertThat(bus.read(false, 0x100ffc, 4)).isFalse();
    assertThat(ring.get(ValueLayout.JAVA_INT, 4)).isEqualTo(2);
    assertThat(ring.get(ValueLayout.JAVA_LONG, 8)).isEqualTo(0x100ffc);
    assertThat(ring.get(ValueLayout.JAVA_INT, 16)).isEqualTo(4);
    assertThat(ring.get(ValueLayout.JAVA_INT, 20)).isZero();
    assertThat(ring.get(ValueLayout.JAVA_INT, 24)).isEqualTo(0x1122_3344);
    assertThat(ring.get(ValueLayout.JAVA_LONG, 32)).isEqualTo(0x71);
    assertThat(ring.get(ValueLayout.JAVA_INT, 44)).isOne();
    int taken = 2;
    while (bus.write(false, 0x100000, 1, taken)) {
      taken++;
    }
    assertThat(taken).as("one stays free").isEqualTo(RING_ENTRIES - 1);
    ring.set(ValueLayout.JAVA_INT, 0, 1);
    assertThat(bus.write(false, 0x100000, 8, -1)).isTrue();
    assertThat(ring.get(ValueLayout.JAVA_INT, 4)).isZero();
    for (int bad : new int[] {RING_ENTRIES, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      ring.set(ValueLayout.JAVA_INT, 4, bad);
      assertThat(bus.write(false, 0x100000, 8, -1)).as("last %d", bad).isFalse();
    }
  }

  @Test
  void aZoneGoesWithAnyRangeInsideIt() {
    zone(Ioctls.REGISTER_COALESCED_MMIO, 0x100000, 0x1000, 0);
    assertThat(zone(Ioctls.UNREGISTER_COALESCED_MMIO, 0x100000, 0x1000, 2)).isEqualTo(-22);
    assertThat(zone(Ioctls.UNREGISTER_COALESCED_MMIO, 0x100000, 0x1001, 0)).isZero();
    assertThat(zone(Ioctls.UNREGISTER_COALESCED_MMIO, 0x100000, 0x1000, 1)).isZero();
    assertThat(bus.write(false, 0x100000, 1, 0)).isTrue();
    assertThat(zone(Ioctls.UNREGISTER_COALESCED_MMIO, 0x100010, 4, 0)).isZero();
    assertThat(bus.write(false, 0x100000, 1, 0)).isFalse();
  }

  @Test
  void thereAreAThousandZonesOfAKindAtMost() {
    for (int i = 0; i < 1000; i++) {
      assertThat(zone(Ioctls.REGISTER_COALESCED_MMIO, i * 0x1000L, 0x100, 0)).isZero();
    }
    assertThat(zone(Ioctls.REGISTER_COALESCED_MMIO, 0, 0x100, 0)).isEqualTo(-Errno.ENOSPC);
    assertThat(zone(Ioctls.REGISTER_COALESCED_MMIO, 0, 0x100, 1)).isZero();
  }

  @Test
  void irqfdsAreCheckedInTheKernelsOrder() {
    int event = client.newEvent();
    client.architecture.irqfdError = -Errno.EAGAIN;
    assertThat(irqfd(event, 4, 8, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(irqfd(99, 4, 0, 0)).isEqualTo(-Errno.EAGAIN);
    assertThat(irqfd(event, 4, DEASSIGN_IRQ, 0)).as("never needs a controller").isZero();
    client.architecture.irqfdError = 0;
    assertThat(irqfd(99, 4, 0, 0)).isEqualTo(-Errno.EBADF);
    assertThat(irqfd(vm, 4, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(irqfd(event, 4, RESAMPLE, 99)).isEqualTo(-Errno.EBADF);
    assertThat(irqfd(event, 4, RESAMPLE, vm)).isEqualTo(-Errno.EINVAL);
    assertThat(irqfd(event, 100000, 0, 0)).isZero();
    assertThat(irqfd(event, 5, 0, 0)).isEqualTo(-Errno.EBUSY);
    assertThat(irqfd(event, 5, DEASSIGN_IRQ, 0)).as("another line's stays").isZero();
    assertThat(irqfd(event, 5, 0, 0)).isEqualTo(-Errno.EBUSY);
    assertThat(irqfd(event, 100000, DEASSIGN_IRQ, 0)).isZero();
    assertThat(irqfd(event, 5, 0, 0)).isZero();
    assertThat(irqfd(99, 5, DEASSIGN_IRQ, 0)).isEqualTo(-Errno.EBADF);
  }

  private static final int DEASSIGN_IRQ = 1;
  private static final int RESAMPLE = 2;

  private long irqfd(int event, int gsi, int flags, int resample) {
    return client.ioctlLongs(
        vm, Ioctls.IRQFD, (long) gsi << 32 | event, (long) resample << 32 | flags);
  }

  @Test
  void anIrqfdInjectsOncePerSignalAndWhatWasPendingAtFirst() {
    int number = client.newEvent();
    client.event(number).count = 3;
    irqfd(number, 4, 0, 0);
    assertThat(client.architecture.log).containsExactly("inject 4");
    client.event(number).store(2);
    assertThat(client.architecture.log).containsExactly("inject 4", "inject 4");
    assertThat(client.event(number).count).isZero();
    VmTestClient.TestEvent event = client.event(number);
    client.closeFile(vm);
    event.store(1);
    assertThat(client.architecture.log).hasSize(3).endsWith("vm closed");
    int other = client.vm();
    long words = 4L << 32 | number;
    assertThat(client.ioctlLongs(other, Ioctls.IRQFD, words, 0)).as("free for another").isZero();
  }

  @Test
  void aResampledLineIsHighUntilTheGuestEndsIt() {
    int number = client.newEvent();
    int ended = client.newEvent();
    irqfd(number, 9, RESAMPLE, ended);
    client.event(number).store(1);
    assertThat(client.architecture.log).containsExactly("line 9 true");
    client.architecture.vm.acknowledged(8);
    assertThat(client.event(ended).count).isZero();
    client.architecture.vm.acknowledged(9);
    assertThat(client.event(ended).count).isOne();
    assertThat(client.architecture.log).containsExactly("line 9 true", "line 9 false");
    client.event(number).store(1);
    irqfd(number, 9, DEASSIGN_IRQ, 0);
    assertThat(client.architecture.log).endsWith("line 9 true", "line 9 false");
  }
}
