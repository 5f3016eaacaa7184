package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.EntryState.Arm64Entry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class Arm64LoaderTest {
  private static final long RAM = 0x40000000;
  private static final long MIB = 1 << 20;

  private static GuestFile image(long textOffset, long imageBytes, long flags) {
    ByteBuffer file = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0, 0x14000010).putLong(8, textOffset).putLong(16, imageBytes).putLong(24, flags);
    file.putInt(56, 0x644d5241).putInt(0x40, 0xd503201f);
    return new GuestFile("Image", file.array());
  }

  private static DeviceTreeReader tree(BootPlan plan) {
    Arm64Entry entry = (Arm64Entry) plan.entry();
    BootPlan.Load load =
        plan.loads().stream().filter(each -> each.gpa() == entry.x0()).findFirst().orElseThrow();
    return new DeviceTreeReader(load.source());
  }

  @Test
  void anImageIsEnteredAtItsTextOffsetWithTheTreeInX0() {
    BootPlan plan =
        BootLoader.plan(
            BootRequest.of(image(0x80000, 0x20000, 2), 256 * MIB).withCommandLine("a b"));
    Arm64Entry entry = (Arm64Entry) plan.entry();
    assertThat(entry.pc()).isEqualTo(RAM + 0x80000);
    assertThat(entry.x0()).isEqualTo(RAM + 128 * MIB);
    assertThat(new LoadedGuest(plan).u32(RAM + 0x80040)).isEqualTo(0xd503201fL);
    assertThat(tree(plan).texts("/chosen:bootargs")).isEqualTo("a b");
    assertThat(plan.commandLine()).isEqualTo("a b");
  }

  @Test
  void anOldImageWithoutASizeHasTheOldOffset() {
    BootPlan plan = BootLoader.plan(BootRequest.of(image(0x1234567, 0, 0), 64 * MIB));
    assertThat(((Arm64Entry) plan.entry()).pc()).isEqualTo(RAM + 0x80000);
  }

  @Test
  void theTreeGoesToTheTopOfASmallMemory() {
    BootPlan plan = BootLoader.plan(BootRequest.of(image(0, 0x150000, 2), 2 * MIB));
    Arm64Entry entry = (Arm64Entry) plan.entry();
    assertThat(entry.x0() % 8).isZero();
    assertThat(entry.x0()).isBetween(RAM + 0x150000, RAM + 2 * MIB);
    assertThat(tree(plan).cells("/memory@40000000:reg")).isEqualTo("0 40000000 0 200000");
  }

  @Test
  void theInitrdLiesBetweenKernelAndTree() {
    BootPlan plan =
        BootLoader.plan(
            BootRequest.of(image(0, 0x20000, 2), 64 * MIB)
                .withInitrd(new GuestFile("rd", new byte[] {1, 2, 3})));
    assertThat(tree(plan).cells("/chosen:linux,initrd-start")).isEqualTo("0 42000000");
    assertThat(tree(plan).cells("/chosen:linux,initrd-end")).isEqualTo("0 42000003");
    assertThat(((Arm64Entry) plan.entry()).x0()).isEqualTo(RAM + 34 * MIB);
    assertThat(new LoadedGuest(plan).bytes(RAM + 32 * MIB, 3)).containsExactly(1, 2, 3);
  }

  @Test
  void anElfIsLoadedAtItsPhysicalAddresses() {
    GuestFile file =
        ElfBuilder.elf64(183)
            .entry(0xffff800000000004L)
            .segment(0xffff800000000000L, RAM + 0x200000, 0x1000, new byte[] {5, 6})
            .file();
    BootPlan plan = BootLoader.plan(BootRequest.of(file, 64 * MIB));
    assertThat(plan.type()).isEqualTo(GuestFileType.ELF64_ARM64);
    assertThat(((Arm64Entry) plan.entry()).pc()).isEqualTo(RAM + 0x200004);
    assertThat(new LoadedGuest(plan).bytes(RAM + 0x200000, 2)).containsExactly(5, 6);
  }

  private static void refused(BootRequest request, String message) {
    assertThatThrownBy(() -> BootLoader.plan(request))
        .isInstanceOf(BadGuestException.class)
        .hasMessage(message);
  }

  @Test
  void badHeadersAreRefused() {
    refused(
        BootRequest.of(image(0x80000, 0x1000, 1), 64 * MIB),
        "Image: is a big-endian arm64 Image; only little-endian ones are supported");
    refused(
        BootRequest.of(image(0x200000, 0x1000, 0), 64 * MIB),
        "Image: text offset 0x200000 in the Image header is not a multiple of 4096 below 2 MiB");
    refused(
        BootRequest.of(image(-4096, 0x1000, 0), 64 * MIB),
        "Image: text offset 0xfffffffffffff000 in the Image header is not a multiple of 4096 below"
            + " 2 MiB");
    refused(
        BootRequest.of(image(0, -1, 0), 64 * MIB),
        "Image: image size 0xffffffffffffffff in the Image header is absurd");
    refused(
        BootRequest.of(image(0, 1L << 40, 0), 64 * MIB),
        "Image: the kernel (0x10000000000 bytes at 0x40000000) lies outside RAM"
            + " (0x40000000-0x44000000); give the guest more --memory, or link it elsewhere");
  }

  @Test
  void badMachinesAreRefused() {
    GuestFile file = ElfBuilder.elf64(183).entry(RAM + 2).segment(RAM, 16, (byte) 1).file();
    refused(
        BootRequest.of(file, 64 * MIB),
        "guest.elf: entry point 0x40000002 is not aligned to an instruction");
    refused(
        BootRequest.of(image(0, 0x1000, 0), 64 * MIB).withCpus(9),
        "CPUs: 9 are not 1 to 8, which the arm64 machine has");
    refused(
        BootRequest.of(image(0, 0x1000, 0), 64 * MIB).withArchitecture(GuestArchitecture.X86_64),
        "Image: is arm64 Image for arm64, not for x86_64");
    refused(
        BootRequest.of(image(0, 0x1000, 0), 4 * MIB)
            .withInitrd(new GuestFile("rd", new byte[3 << 20])),
        "rd: an initrd of 3145728 bytes does not fit above 0x40200000 in RAM"
            + " (0x40000000-0x40400000); give the guest more --memory");
  }
}
