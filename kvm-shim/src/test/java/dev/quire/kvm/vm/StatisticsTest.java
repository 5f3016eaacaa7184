package dev.quire.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StatisticsTest {
  private static final int NAME_BYTES = 48;
  private static final int DESCRIPTORS = 72;

  private final VmTestClient client = new VmTestClient(KernelProfile.LINUX_6_18);
  private final int vm = client.vm();
  private final int vcpu = (int) client.ioctl(vm, Ioctls.CREATE_VCPU, 2);

  @AfterEach
  void close() {
    client.close();
  }

  private byte[] readAll(int file) {
    byte[] target = new byte[8192];
    int bytes = (int) client.find(file).read(0, target);
    assertThat(bytes).isPositive();
    byte[] content = new byte[bytes];
    System.arraycopy(target, 0, content, 0, bytes);
    return content;
  }

  private static String name(byte[] file, int at) {
    String all = new String(file, at, NAME_BYTES, StandardCharsets.US_ASCII);
    return all.substring(0, all.indexOf(0));
  }

  private static long value(byte[] file, String name) {
    int count = LittleEndian.getInt(file, 8);
    int data = LittleEndian.getInt(file, 20);
    for (int i = 0; i < count; i++) {
      int at = DESCRIPTORS + i * (16 + NAME_BYTES);
      if (name(file, at + 16).equals(name)) {
        return LittleEndian.getLong(file, data + LittleEndian.getInt(file, at + 8));
      }
    }
    throw new AssertionError("no " + name);
  }

  /** The layout a kernel of the goldens' release has, as read from one. */
  @Test
  void aVcpusFileIsLaidOutAsTheKernels() {
    int number = (int) client.ioctl(vcpu, Ioctls.GET_STATS_FD, 1234);
    assertThat(client.find(number).name()).isEqualTo("anon_inode:kvm-vcpu-stats:2");
    byte[] file = readAll(number);
    int[] header = {0, 48, 11, 24, 72, 72 + 11 * 64};
    for (int i = 0; i < header.length; i++) {
      assertThat(LittleEndian.getInt(file, 4 * i)).isEqualTo(header[i]);
    }
    assertThat(name(file, 24)).isEqualTo("kvm-1/vcpu-2");
    assertThat(file).hasSize(header[5] + 832);
    Object[][] known = {
      {0, "halt_successful_poll", 0, 0, 1, 0},
      {3, "halt_wakeup", 0, 0, 1, 24},
      {6, "halt_wait_ns", 0x20, -9, 1, 48},
      {7, "halt_poll_success_hist", 0x24, -9, 32, 56},
      {9, "halt_wait_hist", 0x24, -9, 32, 568},
      {10, "blocking", 0x41, 0, 1, 824}
    };
    for (Object[] statistic : known) {
      int at = DESCRIPTORS + (int) statistic[0] * 64;
      assertThat(name(file, at + 16)).isEqualTo(statistic[1]);
      assertThat(LittleEndian.getInt(file, at)).isEqualTo(statistic[2]);
      assertThat((int) (short) LittleEndian.getShort(file, at + 4)).isEqualTo(statistic[3]);
      assertThat(LittleEndian.getShort(file, at + 6)).isEqualTo(statistic[4]);
      assertThat(LittleEndian.getInt(file, at + 8)).isEqualTo(statistic[5]);
      assertThat(LittleEndian.getInt(file, at + 12)).isZero();
    }
  }

  @Test
  void valuesAreThoseOfTheMomentOfReading() {
    int ofVm = (int) client.ioctl(vm, Ioctls.GET_STATS_FD, 0);
    int ofVcpu = (int) client.ioctl(vcpu, Ioctls.GET_STATS_FD, 0);
    assertThat(client.find(ofVm).name()).isEqualTo("anon_inode:kvm-vm-stats");
    assertThat(value(readAll(ofVm), "remote_tlb_flush")).isZero();
    client.ioctlLongs(vm, Ioctls.SET_USER_MEMORY_REGION, 0, 0, 0x4000, VmTestClient.HVA);
    client.architecture.stores.add(0L);
    client.ioctl(vcpu, Ioctls.RUN, 0);
    client.ioctlLongs(vm, Ioctls.SET_USER_MEMORY_REGION, 0, 0, 0, 0);
    assertThat(value(readAll(ofVm), "remote_tlb_flush")).isOne();
    client.architecture.waits = 1;
    RunCall run = ((VcpuFile) client.find(vcpu)).begin(client, Ioctls.RUN, 0);
    run.step(1);
    assertThat(value(readAll(ofVcpu), "blocking")).isOne();
    assertThat(value(readAll(ofVcpu), "halt_wakeup")).isZero();
    run.step(1);
    assertThat(value(readAll(ofVcpu), "blocking")).isZero();
    assertThat(value(readAll(ofVcpu), "halt_wakeup")).isOne();
  }

  @Test
  void anyPartCanBeReadInAnyProcess() {
    int number = (int) client.ioctl(vm, Ioctls.GET_STATS_FD, 0);
    byte[] all = readAll(number);
    client.fork();
    byte[] part = new byte[100];
    assertThat(client.find(number).read(all.length - 10, part)).isEqualTo(10);
    assertThat(part[0]).isEqualTo(all[all.length - 10]);
    assertThat(client.find(number).read(all.length, part)).isZero();
    assertThat(client.find(number).read(Long.MAX_VALUE, part)).isZero();
    assertThat(client.find(number).read(-1, part)).isEqualTo(-Errno.EINVAL);
    assertThat(client.ioctl(number, 0x1234, 0)).isEqualTo(-Errno.ENOTTY);
    assertThat(client.find(vm).read(0, part)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void architecturesAddTheirOwn() {
    StatisticsLayout more =
        StatisticsLayout.GENERIC_VM.with(StatisticsLayout.PEAK, "max_mmu_rmap_size");
    assertThat(more.placeOf("max_mmu_rmap_size")).isEqualTo(2);
    assertThat(more.values()).isEqualTo(3);
    byte[] file = more.file("x", new long[] {1, 2, 3});
    assertThat(LittleEndian.getInt(file, DESCRIPTORS + 2 * 64)).isEqualTo(2);
    assertThat(value(file, "max_mmu_rmap_size")).isEqualTo(3);
    assertThatThrownBy(() -> more.placeOf("nothing")).hasMessageContaining("nothing");
    assertThatThrownBy(() -> more.with(0, "n".repeat(48))).hasMessageContaining("47");
  }
}
