package dev.quire.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VmCallsTest {
  private static final int VFIO = 4;
  private final VmTestClient client = new VmTestClient(KernelProfile.LINUX_6_18);

  @AfterEach
  void close() {
    client.close();
  }

  @Test
  void systemFileAnswersItsOwnCallsAndRefusesOthers() {
    int kvm = client.open();
    assertThat(client.ioctl(kvm, Ioctls.GET_API_VERSION, 0)).isEqualTo(12);
    assertThat(client.ioctl(kvm, Ioctls.GET_API_VERSION, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(kvm, Ioctls.GET_VCPU_MMAP_SIZE, 0)).isEqualTo(12288);
    assertThat(client.ioctl(kvm, Ioctls.GET_VCPU_MMAP_SIZE, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(kvm, Ioctls.CREATE_VM, 5)).isEqualTo(-Errno.EINVAL);
    assertThat(client.hosts).isZero();
    assertThat(client.ioctl(kvm, Ioctls.CREATE_VCPU, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(kvm, FakeArchitecture.OWN_IOCTL, 0)).isEqualTo(77);
    client.architecture.traits = HostTraits.ARM64;
    assertThat(client.ioctl(kvm, Ioctls.GET_VCPU_MMAP_SIZE, 0)).isEqualTo(8192);
  }

  /** Numbers that a kernel of the goldens' release answers. */
  @Test
  void genericCapabilitiesAreTheKernels() {
    int kvm = client.open();
    int vm = client.vm();
    long[][] known = {
      {3, 1},
      {10, 32764},
      {15, 2},
      {16, 1},
      {21, 1},
      {25, 4096},
      {30, 1},
      {32, 1},
      {77, 1},
      {89, 1},
      {98, 1},
      {105, 1},
      {122, 1},
      {162, 1},
      {168, 3},
      {182, 1},
      {192, 1 << 20},
      {203, 1},
      {215, 1},
      {223, 1 << 20},
      {225, 0},
      {231, 1},
      {233, 0},
      {234, 1},
      {244, 3},
      {118, 0},
      {13, 0},
      {255, 0},
      {100000, 0},
      {0x1_0000_0003L, 0},
      {-1, 0}
    };
    for (long[] pair : known) {
      assertThat(client.ioctl(kvm, Ioctls.CHECK_EXTENSION, pair[0]))
          .as("capability %d", pair[0])
          .isEqualTo(pair[1]);
      assertThat(client.ioctl(vm, Ioctls.CHECK_EXTENSION, pair[0])).isEqualTo(pair[1]);
    }
    assertThat(client.ioctl(vm, Ioctls.CHECK_EXTENSION, Capabilities.SET_TSS_ADDR)).isEqualTo(5);
    assertThat(client.ioctl(kvm, Ioctls.CHECK_EXTENSION, Capabilities.SET_TSS_ADDR)).isZero();
    client.architecture.traits = HostTraits.ARM64;
    assertThat(client.ioctl(kvm, Ioctls.CHECK_EXTENSION, Capabilities.COALESCED_MMIO)).isOne();
    assertThat(client.ioctl(kvm, Ioctls.CHECK_EXTENSION, Capabilities.DIRTY_LOG_RING)).isZero();
    assertThat(client.ioctl(kvm, Ioctls.CHECK_EXTENSION, 225)).isOne();
  }

  @Test
  void eachKindOfFileRefusesCallsOfOthersInItsOwnWay() {
    int vm = client.vm();
    int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 0);
    assertThat(client.ioctl(vm, Ioctls.RUN, 0)).isEqualTo(-Errno.ENOTTY);
    assertThat(client.ioctl(vm, 0x1234, 0)).isEqualTo(-Errno.ENOTTY);
    assertThat(client.ioctl(vcpu, Ioctls.CREATE_VCPU, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(vcpu, 0x1234, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(vm, FakeArchitecture.OWN_IOCTL, 0)).isEqualTo(78);
    assertThat(client.ioctl(vcpu, FakeArchitecture.OWN_IOCTL, 0)).isEqualTo(79);
    assertThat(client.ioctl(vcpu, Ioctls.RUN, 1)).isEqualTo(-Errno.EINVAL);
    // A number is not a code: the size is part of it.
    assertThat(client.ioctl(vm, Ioctls.SET_USER_MEMORY_REGION + 0x10000, 0))
        .isEqualTo(-Errno.ENOTTY);
  }

  @Test
  void otherAddressSpacesGetAnInputOutputError() {
    int kvm = client.open();
    int vm = client.vm();
    int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 0);
    client.ioctlInts(vm, Ioctls.CREATE_DEVICE, VFIO, 0, 0);
    int device = client.getInt(4);
    client.fork();
    assertThat(client.ioctl(kvm, Ioctls.CHECK_EXTENSION, 3)).isOne();
    assertThat(client.ioctl(vm, Ioctls.CHECK_EXTENSION, 3)).isEqualTo(-Errno.EIO);
    assertThat(client.ioctl(vcpu, Ioctls.RUN, 0)).isEqualTo(-Errno.EIO);
    assertThat(client.ioctl(vcpu, 0x1234, 0)).isEqualTo(-Errno.EIO);
    assertThat(client.ioctl(device, Ioctls.HAS_DEVICE_ATTR, 0)).isEqualTo(-Errno.EIO);
  }

  @Test
  void vcpusAreLimitedInIdAndNumber() {
    int vm = client.vm();
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 8)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 1L << 32)).isEqualTo(-Errno.EINVAL);
    int first = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 6);
    assertThat(first).isPositive();
    assertThat(client.find(first).name()).isEqualTo("anon_inode:kvm-vcpu:6");
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 6)).isEqualTo(-Errno.EEXIST);
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 7)).as("the architecture's").isEqualTo(-16);
    client.closeFile(first);
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 6)).as("it lives on").isEqualTo(-Errno.EEXIST);
    for (int id = 0; id < 3; id++) {
      assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, id)).isPositive();
    }
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 3)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aVmEndsWithItsLastFileAndGivesAllBack() {
    runAVmToItsEnd();
    long free = client.freeTablePages();
    for (int i = 0; i < 20; i++) {
      runAVmToItsEnd();
    }
    // A batch of up to 31 pages waits for the LRU (lru_add); 20 guest_memfds had 80.
    assertThat(client.freeTablePages()).isGreaterThan(free - 31);
  }

  private void runAVmToItsEnd() {
    int vm = client.vm();
    int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 3);
    int memory = (int) client.ioctlLongs(vm, Ioctls.CREATE_GUEST_MEMFD, 0x4000, 3);
    assertThat(client.find(memory).name()).isEqualTo("anon_inode:[kvm-gmem]");
    client.ioctlLongs(vm, Ioctls.SET_USER_MEMORY_REGION, 0, 0, 0x4000, VmTestClient.HVA);
    client.architecture.stores.add(0x1000L);
    assertThat(client.ioctl(vcpu, Ioctls.RUN, 0)).isZero();
    assertThat(client.architecture.vm.stage2().counters().tablePages()).isEqualTo(5);
    client.closeFile(vm);
    client.closeFile(vcpu);
    assertThat(client.hosts).isOne();
    assertThat(((GuestMemfdFile) client.find(memory)).file().fallocate(1, 0, 0x4000)).isZero();
    client.closeFile(memory);
    assertThat(client.hosts).isZero();
    assertThat(client.architecture.log).containsExactly("vcpu 3 closed", "vm closed");
    client.architecture.log.clear();
  }

  @Test
  void filesThatFindNoNumberAreClosed() {
    int kvm = client.open();
    client.mostFiles = 1;
    assertThat(client.ioctl(kvm, Ioctls.CREATE_VM, 0)).isEqualTo(-Errno.EMFILE);
    assertThat(client.hosts).isZero();
    client.mostFiles = 2;
    int vm = (int) client.ioctl(kvm, Ioctls.CREATE_VM, 0);
    assertThat(client.ioctl(vm, Ioctls.CREATE_VCPU, 0)).isEqualTo(-Errno.EMFILE);
    assertThat(client.ioctl(vm, Ioctls.GET_STATS_FD, 0)).isEqualTo(-Errno.EMFILE);
    assertThat(client.ioctlLongs(vm, Ioctls.CREATE_GUEST_MEMFD, 4096, 0)).isEqualTo(-Errno.EMFILE);
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, VFIO, 0, 0)).isEqualTo(-Errno.EMFILE);
    client.closeFile(vm);
    assertThat(client.hosts).isZero();
  }

  @Test
  void capabilitiesAreEnabledByTheRulesOfEach() {
    int vm = client.vm();
    assertThat(enable(vm, 9999, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, 3, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, 121, 0, 24)).as("the architecture's").isEqualTo(24);
    assertThat(enable(vm, 168, 0, 2)).as("initially set alone").isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, 168, 0, 5)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, 168, 1, 1)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, 168, 0, 3)).isZero();
    assertThat(enable(vm, 168, 0, 0)).isZero();
    assertThat(enable(vm, 182, 0, 1L << 32)).isEqualTo(-Errno.EINVAL);
    assertThat(enable(vm, 182, 0, 0xffff_ffffL)).isZero();
    assertThat(enable(vm, 225, 0, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(vm, Ioctls.ENABLE_CAP, 0)).isEqualTo(-Errno.EFAULT);
  }

  private long enable(int vm, int capability, int flags, long argument) {
    return client.ioctlLongs(vm, Ioctls.ENABLE_CAP, (long) flags << 32 | capability, argument);
  }

  @Test
  void theVfioDeviceTakesNoFile() {
    int vm = client.vm();
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, 255, 0, 0)).isEqualTo(-Errno.ENODEV);
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, 255, 0, 1)).isEqualTo(-Errno.ENODEV);
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, VFIO, 0, 1)).isZero();
    assertThat(client.getInt(4)).as("no file for a test").isZero();
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, VFIO, 0, 0)).isZero();
    int device = client.getInt(4);
    assertThat(client.find(device).name()).isEqualTo("anon_inode:kvm-vfio");
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, VFIO, 0, 0)).isEqualTo(-Errno.EBUSY);
    long number = VmTestClient.BUFFER + 4096;
    client.putLongs(4096, 1234);
    assertThat(attribute(device, Ioctls.HAS_DEVICE_ATTR, 1, 1, 0)).isZero();
    assertThat(attribute(device, Ioctls.HAS_DEVICE_ATTR, 1, 3, 0)).isEqualTo(-Errno.ENXIO);
    assertThat(attribute(device, Ioctls.GET_DEVICE_ATTR, 1, 1, 0)).isEqualTo(-Errno.EPERM);
    assertThat(attribute(device, Ioctls.SET_DEVICE_ATTR, 1, 1, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(attribute(device, Ioctls.SET_DEVICE_ATTR, 1, 1, number)).isEqualTo(-Errno.EBADF);
    client.putLongs(4096, vm);
    assertThat(attribute(device, Ioctls.SET_DEVICE_ATTR, 1, 1, number)).isEqualTo(-Errno.EINVAL);
    assertThat(attribute(device, Ioctls.SET_DEVICE_ATTR, 1, 2, number)).isEqualTo(-Errno.ENOENT);
    assertThat(client.ioctl(device, 0x1234, 0)).isEqualTo(-Errno.ENOTTY);
    client.closeFile(device);
    assertThat(client.ioctlInts(vm, Ioctls.CREATE_DEVICE, VFIO, 0, 0)).isZero();
  }

  private long attribute(int device, int request, int group, long attribute, long address) {
    return client.ioctlLongs(device, request, (long) group << 32, attribute, address);
  }

  @Test
  void calledOnAVcpuThatRunsACallWaits() {
    int vm = client.vm();
    VcpuFile vcpu = (VcpuFile) client.find((int) client.ioctl(vm, Ioctls.CREATE_VCPU, 0));
    client.architecture.waits = 3;
    RunCall run = vcpu.begin(client, Ioctls.RUN, 0);
    RunCall other = vcpu.begin(client, FakeArchitecture.OWN_IOCTL, 0);
    assertThat(run.step(1)).isEqualTo(RunCall.WAITING);
    assertThat(other.step(1)).isEqualTo(RunCall.WAITING);
    run.signal();
    assertThat(other.step(1)).isEqualTo(RunCall.WAITING);
    assertThat(run.step(1)).isEqualTo(RunCall.DONE);
    assertThat(run.result()).isEqualTo(-Errno.EINTR);
    assertThat(other.step(1)).isEqualTo(RunCall.DONE);
    assertThat(other.result()).isEqualTo(79);
    RunCall signalledFirst = vcpu.begin(client, Ioctls.RUN, 0);
    signalledFirst.signal();
    assertThat(signalledFirst.step(1)).isEqualTo(RunCall.DONE);
    assertThat(signalledFirst.result()).isEqualTo(-Errno.EINTR);
    assertThat(vcpu.ioctl(client, Ioctls.RUN, 0)).as("one that waits").isEqualTo(-Errno.EINTR);
  }
}
