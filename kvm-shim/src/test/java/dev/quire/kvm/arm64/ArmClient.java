package dev.quire.kvm.arm64;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kvm.TestClient;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Descriptor;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.LinuxArm64Pte;

/** A client on an arm64 host, its VM's memory at {@link #RAM_GPA}. */
final class ArmClient extends TestClient {
  static final long RAM_GPA = 0x4000_0000L;
  static final long ENOEXEC = -8;
  static final long EINTR = -Errno.EINTR;

  ArmClient() {
    super(
        new Arm64Architecture(),
        KernelConfig.of(HostArchitecture.ARM64, HostGranule.BASE_4K, 1 << 16),
        new LinuxArm64Pte(Granule.SIZE_4K, 48),
        RAM_GPA);
  }

  /** A vCPU with these features. */
  Descriptor vcpu(int id, int features) {
    Descriptor vcpu = createVcpu(id);
    put(0, 5, features);
    require(vcpu.ioctl(this, Ioctls.ARM_VCPU_INIT, ARGUMENT));
    return vcpu;
  }

  long setReg(Descriptor vcpu, long id, long value) {
    put(0).put64(id, SECOND);
    second64(value);
    return vcpu.ioctl(this, Ioctls.SET_ONE_REG, ARGUMENT);
  }

  long getReg(Descriptor vcpu, long id) {
    put(0).put64(id, SECOND);
    require(vcpu.ioctl(this, Ioctls.GET_ONE_REG, ARGUMENT));
    return word64((int) (SECOND - ARGUMENT));
  }

  static long x(int index) {
    return 0x6030_0000_0010_0000L | 2L * index;
  }

  static final long PC = 0x6030_0000_0010_0040L;
  static final long PSTATE = 0x6030_0000_0010_0042L;

  static long system(int op0, int op1, int crn, int crm, int op2) {
    return 0x6030_0000_0013_0000L | op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
  }
}
