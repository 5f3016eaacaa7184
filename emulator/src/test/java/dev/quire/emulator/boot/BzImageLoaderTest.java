package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.EntryState.X86Entry64;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class BzImageLoaderTest {
  private static final long MIB = 1 << 20;

  /** A header as Linux 6 writes it, one setup sector, and a kernel of 0x400 bytes. */
  private static ByteBuffer image() {
    ByteBuffer file = ByteBuffer.allocate(1024 + 0x400).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0x1f1, (byte) 1).putShort(0x1fe, (short) 0xaa55);
    file.put(0x201, (byte) 0x6a).putInt(0x202, 0x53726448).putShort(0x206, (short) 0x20f);
    file.put(0x211, (byte) 1).putInt(0x230, 0x200000).put(0x234, (byte) 1);
    file.putShort(0x236, (short) 0x3f).putLong(0x258, 0x1000000).putInt(0x260, 0x800000);
    file.put(1024 + 0x200, (byte) 0xfa);
    return file;
  }

  private static BootPlan plan(ByteBuffer file, long memoryBytes) {
    return BootLoader.plan(BootRequest.of(new GuestFile("bz", file.array()), memoryBytes));
  }

  @Test
  void theProtectedModeKernelIsEnteredAtIts64BitEntry() {
    BootPlan plan = plan(image(), 64 * MIB);
    assertThat(plan.type()).isEqualTo(GuestFileType.BZIMAGE);
    LoadedGuest guest = new LoadedGuest(plan);
    X86Entry64 entry = (X86Entry64) plan.entry();
    assertThat(entry.rip()).isEqualTo(0x1000200);
    assertThat(guest.u8(0x1000200)).isEqualTo(0xfa);
    assertThat(entry.rsi()).isEqualTo(0x7000);
    assertThat(guest.i64(0x7258)).as("its header is copied").isEqualTo(0x1000000);
    assertThat(guest.u8(0x7210)).isEqualTo(0xff);
    assertThat(guest.u32(0x7228)).isEqualTo(0x20000);
    assertThat(guest.u8(0x71e8)).isEqualTo(4);
  }

  @Test
  void roomForUnpackingIsReserved() {
    assertThatThrownBy(() -> plan(image(), 20 * MIB))
        .hasMessageContaining("the kernel (0x800000 bytes at 0x1000000) lies outside RAM");
  }

  @Test
  void kernelsWithoutA64BitEntryAreRefused() {
    assertThatThrownBy(() -> plan(image().putShort(0x236, (short) 0), 64 * MIB))
        .hasMessageContaining("bzImage of boot protocol 2.15 has no 64-bit entry");
    assertThatThrownBy(() -> plan(image().putShort(0x206, (short) 0x20a), 64 * MIB))
        .hasMessageContaining("bzImage of boot protocol 2.10 has no 64-bit entry");
    assertThatThrownBy(() -> plan(image().put(0x211, (byte) 0), 64 * MIB))
        .hasMessageContaining("has no 64-bit entry");
  }

  @Test
  void badAddressesAndSizesAreRefused() {
    assertThatThrownBy(() -> plan(image().putLong(0x258, 0x1000), 64 * MIB))
        .hasMessageContaining("preferred load address 0x1000");
    assertThatThrownBy(() -> plan(image().putLong(0x258, -1), 64 * MIB))
        .hasMessageContaining("preferred load address 0xffffffffffffffff");
    assertThatThrownBy(() -> plan(image().putInt(0x230, 0), 64 * MIB))
        .hasMessageContaining("(alignment 0x0) is no use");
    assertThatThrownBy(() -> plan(image().put(0x1f1, (byte) 200), 64 * MIB))
        .hasMessageContaining("the protected-mode kernel needs 513 bytes at file offset 0x19200");
  }
}
