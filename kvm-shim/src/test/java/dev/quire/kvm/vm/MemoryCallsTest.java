package dev.quire.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Ioctls;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MemoryCallsTest {
  private static final int LOG = 1;
  private static final int BOUND = 4;
  private static final long HVA = VmTestClient.HVA;
  private static final int BITMAP = 8192;

  private final VmTestClient client = new VmTestClient(KernelProfile.LINUX_6_18);
  private final int vm = client.vm();
  private final int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 0);

  @AfterEach
  void close() {
    client.close();
  }

  private long set(int slot, int flags, long gpa, long bytes, long hva) {
    return client.ioctlLongs(
        vm, Ioctls.SET_USER_MEMORY_REGION, (long) flags << 32 | slot, gpa, bytes, hva);
  }

  private long bind(int slot, int flags, long gpa, long bytes, int file, long offset) {
    long first = (long) flags << 32 | Integer.toUnsignedLong(slot);
    return client.ioctlLongs(
        vm, Ioctls.SET_USER_MEMORY_REGION2, first, gpa, bytes, HVA, offset, file & 0xffff_ffffL);
  }

  private int memfd(long bytes, long flags) {
    return (int) client.ioctlLongs(vm, Ioctls.CREATE_GUEST_MEMFD, bytes, flags);
  }

  private void store(long... pages) {
    for (long page : pages) {
      client.architecture.stores.add(page * VmTestClient.PAGE);
    }
    assertThat(client.ioctl(vcpu, Ioctls.RUN, 0)).isZero();
  }

  private long getLog(int slot) {
    return client.ioctlLongs(vm, Ioctls.GET_DIRTY_LOG, slot, VmTestClient.BUFFER + BITMAP);
  }

  private long clearLog(int slot, long first, int pages, long word) {
    client.putLongs(BITMAP, word);
    return client.ioctlLongs(
        vm, Ioctls.CLEAR_DIRTY_LOG, (long) pages << 32 | slot, first, VmTestClient.BUFFER + BITMAP);
  }

  private long manual(int flags) {
    return client.ioctlLongs(vm, Ioctls.ENABLE_CAP, 168, flags);
  }

  @Test
  void regionsFollowTheRulesAndTheirOrder() {
    assertThat(set(1, 0, 0x100000, 0x4000, HVA)).isZero();
    assertThat(set(1, BOUND, 0x100000, 0x4000, HVA)).as("a flag of the other call").isEqualTo(-22);
    assertThat(set(1, 0, 0x100000, 0x8000, HVA)).isEqualTo(-Errno.EINVAL);
    assertThat(set(2, 0, 0x103000, 0x1000, HVA)).isEqualTo(-Errno.EEXIST);
    assertThat(set(65537, 0, 0, 0x1000, HVA)).as("address space 1").isEqualTo(-Errno.EINVAL);
    assertThat(set(32764, 0, 0, 0x1000, HVA)).isEqualTo(-Errno.EINVAL);
    assertThat(set(3, 0, 1L << 52, 0x1000, HVA)).isEqualTo(-Errno.EINVAL);
    assertThat(set(3, 0, 0, 0x1000, 0x7fff_ffff_e000L)).isZero();
    assertThat(set(3, 0, 0, 0, 0)).isZero();
    assertThat(set(3, 0, 0, 0x1000, 0x7fff_ffff_f000L)).isEqualTo(-Errno.EINVAL);
    assertThat(set(3, 0, 0, 0x2000, -0x1000)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(vm, Ioctls.SET_USER_MEMORY_REGION, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(client.ioctl(vm, Ioctls.SET_USER_MEMORY_REGION2, VmTestClient.BUFFER - 1))
        .isEqualTo(-Errno.EFAULT);
  }

  @Test
  void boundRegionsLookAtTheirFileLast() {
    int file = memfd(0x10000, 3);
    set(1, 0, 0x100000, 0x4000, HVA);
    assertThat(bind(2, BOUND, 0x400000, 0x1000, 9999, 0)).isEqualTo(-Errno.EBADF);
    assertThat(bind(2, BOUND, 0x400000, 0x1000, -1, 0)).isEqualTo(-Errno.EBADF);
    assertThat(bind(2, BOUND, 1L << 52, 0x1000, -1, 0)).as("before the range").isEqualTo(-9);
    assertThat(bind(2, BOUND, 0x100000, 0x1000, -1, 0)).as("overlap first").isEqualTo(-17);
    assertThat(bind(2, BOUND, 0x400000, 0x1000, vm, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(bind(2, BOUND | LOG, 0x400000, 0x1000, file, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(bind(2, BOUND, 0x400000, 0x1000, file, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(bind(2, BOUND, 0x400000, 0x1000, file, -0x1000)).isEqualTo(-Errno.EINVAL);
    assertThat(bind(2, BOUND, 0x400000, 0x4000, file, 0xe000)).isEqualTo(-Errno.EINVAL);
    assertThat(bind(2, BOUND, 0x400000, 0x4000, file, 0xc000)).isZero();
    assertThat(bind(2, BOUND, 0x400000, 0x4000, file, 0xc000)).isEqualTo(-Errno.EINVAL);
    store(0x401);
    assertThat(((GuestMemfdFile) client.find(file)).file().cachedPages()).isOne();
  }

  @Test
  void guestMemfdsAreMadeWithKnownFlagsOnly() {
    assertThat(memfd(0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(memfd(1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(memfd(-4096, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(memfd(0x1000, 4)).isEqualTo(-Errno.EINVAL);
    assertThat(memfd(0x7fff_ffff_ffff_f000L, 0)).isPositive();
    assertThat(client.ioctl(vm, Ioctls.CREATE_GUEST_MEMFD, 0)).isEqualTo(-Errno.EFAULT);
  }

  @Test
  void attributesNeedAKernelAndAVmThatHaveThem() {
    assertThat(client.ioctlLongs(vm, Ioctls.SET_MEMORY_ATTRIBUTES, 0, 0x1000, 8, 0))
        .isEqualTo(-Errno.ENOTTY);
    KernelProfile profile = KernelProfile.parse("linux-6.18+memory-attributes");
    try (VmTestClient other = new VmTestClient(profile)) {
      int plain = other.vm();
      int withPrivate = other.vm(FakeArchitecture.PRIVATE_TYPE);
      int kvm = other.open();
      assertThat(other.ioctl(kvm, Ioctls.CHECK_EXTENSION, 233)).isEqualTo(8);
      assertThat(other.ioctl(plain, Ioctls.CHECK_EXTENSION, 233)).isZero();
      assertThat(other.ioctl(withPrivate, Ioctls.CHECK_EXTENSION, 233)).isEqualTo(8);
      assertThat(other.ioctl(withPrivate, Ioctls.CHECK_EXTENSION, 244)).isOne();
      assertThat(other.ioctlLongs(plain, Ioctls.SET_MEMORY_ATTRIBUTES, 0, 0x1000, 8, 0))
          .isEqualTo(-Errno.EINVAL);
      assertThat(other.ioctlLongs(withPrivate, Ioctls.SET_MEMORY_ATTRIBUTES, 0, 0x1000, 8, 0))
          .isZero();
      assertThat(other.ioctlLongs(withPrivate, Ioctls.SET_MEMORY_ATTRIBUTES, 0, 0x1000, 8, 1))
          .isEqualTo(-Errno.EINVAL);
    }
  }

  @Test
  void theDirtyLogIsWhatWasStoredSinceTheLastCall() {
    set(1, LOG, 0, 0x100000, HVA);
    assertThat(getLog(2)).isEqualTo(-Errno.ENOENT);
    assertThat(getLog(0x10001)).isEqualTo(-Errno.EINVAL);
    assertThat(getLog(32764)).isEqualTo(-Errno.EINVAL);
    store(3, 66, 255);
    assertThat(getLog(1)).isZero();
    assertThat(client.getLong(BITMAP)).isEqualTo(1L << 3);
    assertThat(client.getLong(BITMAP + 8)).isEqualTo(1L << 2);
    assertThat(client.getLong(BITMAP + 24)).isEqualTo(1L << 63);
    store(66);
    getLog(1);
    assertThat(client.getLong(BITMAP)).isZero();
    assertThat(client.getLong(BITMAP + 8)).isEqualTo(1L << 2);
    set(1, LOG, 0x200000, 0x100000, HVA);
    store(0x205);
    assertThat(client.ioctlLongs(vm, Ioctls.GET_DIRTY_LOG, 1, 0)).isEqualTo(-Errno.EFAULT);
    set(1, 0, 0x200000, 0x100000, HVA);
    assertThat(getLog(1)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void aBitmapSurvivesAMoveOfItsSlot() {
    set(1, LOG, 0, 0x10000, HVA);
    store(5);
    set(1, LOG, 0x200000, 0x10000, HVA);
    getLog(1);
    assertThat(client.getLong(BITMAP)).isEqualTo(1L << 5);
  }

  @Test
  void withManualProtectionOnlyClearingClears() {
    assertThat(manual(1)).isZero();
    set(1, LOG, 0, 0x80000, HVA);
    store(0, 1, 70);
    getLog(1);
    getLog(1);
    assertThat(client.getLong(BITMAP)).isEqualTo(3);
    assertThat(clearLog(1, 0, 64, -2)).isZero();
    getLog(1);
    assertThat(client.getLong(BITMAP)).isOne();
    assertThat(client.getLong(BITMAP + 8)).isEqualTo(1L << 6);
    store(0, 1);
    getLog(1);
    assertThat(client.getLong(BITMAP)).as("page 1 faulted again").isEqualTo(3);
    assertThat(clearLog(1, 64, 64, 1L << 6)).isZero();
    getLog(1);
    assertThat(client.getLong(BITMAP + 8)).isZero();
  }

  @Test
  void whatIsClearedMustBeWholeWordsOfTheSlot() {
    manual(1);
    set(1, LOG, 0, 0x80000, HVA);
    set(2, LOG, 0x100000, 0xa000, HVA);
    assertThat(clearLog(1, 1, 64, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, 0, 10, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, 64, 100, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, 128, 64, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, 0, 192, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, 0, -64, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, Long.MIN_VALUE, 64, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(clearLog(1, 0, 0, 0)).isZero();
    assertThat(clearLog(1, 128, 0, 0)).isZero();
    assertThat(clearLog(2, 0, 10, -1)).as("up to the end").isZero();
    assertThat(clearLog(9, 0, 64, 1)).isEqualTo(-Errno.ENOENT);
    assertThat(client.ioctlLongs(vm, Ioctls.CLEAR_DIRTY_LOG, 64L << 32 | 1, 0, 0))
        .isEqualTo(-Errno.EFAULT);
  }

  @Test
  void pagesCanBeDirtyAtFirst() {
    manual(3);
    set(1, LOG, 0, 0x46000, HVA);
    getLog(1);
    assertThat(client.getLong(BITMAP)).isEqualTo(-1);
    assertThat(client.getLong(BITMAP + 8)).as("70 pages").isEqualTo(0x3f);
  }

  @Test
  void bitmapsOfAllSlotsAreBounded() {
    assertThat(set(1, LOG, 0, 1L << 40, HVA)).isZero();
    assertThat(set(2, LOG, 1L << 41, 0x1000, HVA)).isEqualTo(-Errno.ENOMEM);
    assertThat(set(2, 0, 1L << 41, 0x1000, HVA)).isZero();
    assertThat(set(1, LOG, 1L << 42, 1L << 40, HVA)).as("its own pages count once").isZero();
  }

  @Test
  void prefaultingTellsWhatIsLeft() {
    set(1, 0, 0x1000000, 0x8000, HVA);
    set(2, 0, 0x1009000, 0x4000, HVA + 0x10000);
    assertThat(prefault(0x1000000, 0x8000)).isZero();
    assertThat(client.getLong(0)).isEqualTo(0x1008000);
    assertThat(client.getLong(8)).isZero();
    assertThat(prefault(0x1000000, 0xc000)).as("some").isZero();
    assertThat(client.getLong(0)).isEqualTo(0x1008000);
    assertThat(client.getLong(8)).isEqualTo(0x4000);
    assertThat(prefault(0x1008000, 0x1000)).isEqualTo(-Errno.ENOENT);
    assertThat(prefault(0x1000001, 0x1000)).isEqualTo(-Errno.EINVAL);
    assertThat(client.getLong(0)).isEqualTo(0x1000001);
    assertThat(client.ioctl(vcpu, Ioctls.PRE_FAULT_MEMORY, 0)).isEqualTo(-Errno.EFAULT);
    client.architecture.traits = HostTraits.ARM64;
    assertThat(prefault(0x1000000, 0x1000)).as("not on arm64").isEqualTo(-Errno.EINVAL);
  }

  private long prefault(long gpa, long bytes) {
    return client.ioctlLongs(vcpu, Ioctls.PRE_FAULT_MEMORY, gpa, bytes, 0);
  }
}
