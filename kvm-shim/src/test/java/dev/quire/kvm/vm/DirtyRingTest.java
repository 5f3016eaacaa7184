package dev.quire.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Ioctls;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DirtyRingTest {
  private static final int RING = 192;
  private static final int ENTRIES = 256;
  private static final int DIRTY = 1;
  private static final int RESET = 2;

  private final VmTestClient client = new VmTestClient(KernelProfile.LINUX_6_18);
  private final int vm = client.vm();

  @AfterEach
  void close() {
    client.close();
  }

  private long enable(long bytes) {
    return client.ioctlLongs(vm, Ioctls.ENABLE_CAP, RING, bytes);
  }

  private VcpuFile vcpuWithRing() {
    assertThat(enable(ENTRIES * 16)).isZero();
    int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 0);
    client.ioctlLongs(
        vm, Ioctls.SET_USER_MEMORY_REGION, 1L << 32 | 3, 0x100000, 0x200000, VmTestClient.HVA);
    return (VcpuFile) client.find(vcpu);
  }

  private void store(VcpuFile vcpu, int first, int pages) {
    for (int i = 0; i < pages; i++) {
      client.architecture.stores.add(0x100000L + (first + i) * 4096L);
    }
    assertThat(vcpu.ioctl(client, Ioctls.RUN, 0)).isZero();
  }

  private static int flags(VcpuFile vcpu, int entry) {
    return ring(vcpu).get(ValueLayout.JAVA_INT, entry * 16L);
  }

  private static MemorySegment ring(VcpuFile vcpu) {
    return vcpu.pages(64).segment();
  }

  private static void harvest(VcpuFile vcpu, int entry) {
    ring(vcpu).set(ValueLayout.JAVA_INT, entry * 16L, RESET);
  }

  private long reset() {
    return client.ioctl(vm, Ioctls.RESET_DIRTY_RINGS, 0);
  }

  @Test
  void sizesAreCheckedAndSetOnce() {
    assertThat(reset()).isEqualTo(-Errno.EINVAL);
    assertThat(enable(0)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(5000)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(2048)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(1 << 21)).isEqualTo(-Errno.E2BIG);
    assertThat(enable(1L << 31)).isEqualTo(-Errno.E2BIG);
    assertThat(enable(4096)).isZero();
    assertThat(enable(4096)).isEqualTo(-Errno.EINVAL);
    assertThat(reset()).isZero();
    int other = client.vm();
    client.ioctl(other, Ioctls.CREATE_VCPU, 0);
    assertThat(client.ioctlLongs(other, Ioctls.ENABLE_CAP, RING, 4096)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void storesOfAVcpuGoToItsRingInOrder() {
    VcpuFile vcpu = vcpuWithRing();
    store(vcpu, 7, 2);
    store(vcpu, 3, 1);
    long[] pages = {7, 8, 3};
    for (int i = 0; i < pages.length; i++) {
      assertThat(flags(vcpu, i)).isEqualTo(DIRTY);
      assertThat(ring(vcpu).get(ValueLayout.JAVA_INT, i * 16L + 4)).isEqualTo(3);
      assertThat(ring(vcpu).get(ValueLayout.JAVA_LONG, i * 16L + 8)).isEqualTo(pages[i]);
    }
    assertThat(flags(vcpu, 3)).isZero();
    assertThat(client.ioctlLongs(vm, Ioctls.GET_DIRTY_LOG, 3, VmTestClient.BUFFER))
        .isEqualTo(-Errno.ENXIO);
    assertThat(client.ioctlLongs(vm, Ioctls.CLEAR_DIRTY_LOG, 3, 0, 0)).isEqualTo(-Errno.ENXIO);
  }

  @Test
  void onlyHarvestedEntriesComeBackAndTheirPagesFaultAgain() {
    VcpuFile vcpu = vcpuWithRing();
    store(vcpu, 0, 4);
    harvest(vcpu, 0);
    harvest(vcpu, 1);
    harvest(vcpu, 3);
    assertThat(reset()).as("in order").isEqualTo(2);
    assertThat(flags(vcpu, 0)).isZero();
    assertThat(reset()).isZero();
    store(vcpu, 0, 1);
    assertThat(flags(vcpu, 4)).isEqualTo(DIRTY);
    assertThat(ring(vcpu).get(ValueLayout.JAVA_LONG, 4 * 16L + 8)).isZero();
  }

  @Test
  void aRingTheClientScribblesOverHurtsNobody() {
    VcpuFile vcpu = vcpuWithRing();
    store(vcpu, 0, 3);
    for (int i = 0; i < ENTRIES; i++) {
      harvest(vcpu, i);
      ring(vcpu).set(ValueLayout.JAVA_INT, i * 16L + 4, i % 2 == 0 ? -1 : 3);
      ring(vcpu).set(ValueLayout.JAVA_LONG, i * 16L + 8, i % 3 == 0 ? -1L : Long.MAX_VALUE);
    }
    assertThat(reset()).as("no more than a ring at once").isEqualTo(ENTRIES);
    assertThat(reset()).isZero();
  }

  @Test
  void aFullRingStopsItsVcpuUntilAReset() {
    VcpuFile vcpu = vcpuWithRing();
    store(vcpu, 0, ENTRIES - 64);
    assertThat(client.architecture.log).containsExactly("vcpu 0 ring full");
    harvest(vcpu, 0);
    assertThat(reset()).isOne();
    client.architecture.log.clear();
    store(vcpu, 300, 1);
    assertThat(client.architecture.log).containsExactly("vcpu 0 ring full");
  }

  @Test
  void whatDoesNotFitComesAfterAReset() {
    try (SharedBytes pages = new SharedBytes(4096)) {
      DirtyRing ring = new DirtyRing(pages, 4096);
      for (int page = 0; page < ENTRIES + 10; page++) {
        ring.push(1, page);
      }
      assertThat(ring.isFull()).isTrue();
      for (int i = 0; i < ENTRIES; i++) {
        pages.segment().set(ValueLayout.JAVA_INT, i * 16L, RESET);
      }
      long[] last = new long[1];
      assertThat(ring.reset((slot, page) -> last[0] = page)).isEqualTo(ENTRIES);
      assertThat(last[0]).isEqualTo(ENTRIES - 1);
      for (int i = 0; i < 10; i++) {
        assertThat(pages.segment().get(ValueLayout.JAVA_LONG, i * 16L + 8)).isEqualTo(ENTRIES + i);
      }
      assertThat(ring.isFull()).isFalse();
    }
  }

  @Test
  void theRingIsMappedSharedBehindTheOtherPages() {
    VcpuFile vcpu = vcpuWithRing();
    assertThat(vcpu.pages(0)).isSameAs(vcpu.pages(1)).isNotSameAs(vcpu.pages(2));
    assertThat(vcpu.indexInPages(1)).isOne();
    assertThat(vcpu.indexInPages(2)).isZero();
    assertThat(vcpu.pages(3)).isNull();
    assertThat(vcpu.pages(65)).isNull();
    assertThat(vcpu.pages(-1)).isNull();
    assertThat(vcpu.mmapError(64, 1, true, false)).isZero();
    assertThat(vcpu.mmapError(64, 1, false, false)).isEqualTo(-Errno.EINVAL);
    assertThat(vcpu.mmapError(60, 5, true, true)).isEqualTo(-Errno.EINVAL);
    assertThat(vcpu.mmapError(0, 3, false, false)).isZero();
    assertThat(client.find(vm).mmapError(0, 1, true, false)).isEqualTo(-Errno.ENODEV);
  }

  @Test
  void onArm64BitmapsCanStandBesideRings() {
    client.architecture.traits = HostTraits.ARM64;
    assertThat(client.ioctlLongs(vm, Ioctls.ENABLE_CAP, RING, 4096)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctlLongs(vm, Ioctls.ENABLE_CAP, 225, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctlLongs(vm, Ioctls.ENABLE_CAP, 223, 4096)).isZero();
    assertThat(client.ioctlLongs(vm, Ioctls.ENABLE_CAP, 225, 0)).isZero();
    client.ioctlLongs(
        vm, Ioctls.SET_USER_MEMORY_REGION, 1L << 32 | 3, 0x100000, 0x10000, VmTestClient.HVA);
    assertThat(client.ioctlLongs(vm, Ioctls.GET_DIRTY_LOG, 3, VmTestClient.BUFFER)).isZero();
  }
}
