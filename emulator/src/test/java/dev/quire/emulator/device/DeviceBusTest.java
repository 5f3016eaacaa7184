package dev.quire.emulator.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeviceBusTest {
  private final DeviceBus bus = new DeviceBus();
  private final List<String> log = new ArrayList<>();

  private MmioDevice mmio(String name, long value) {
    return new MmioDevice() {
      @Override
      public long read(long offsetBytes, int bytes) {
        log.add("%s r%d+%x".formatted(name, bytes, offsetBytes));
        return value;
      }

      @Override
      public void write(long offsetBytes, int bytes, long written) {
        log.add("%s w%d+%x=%x".formatted(name, bytes, offsetBytes, written));
      }
    };
  }

  private PortDevice port(String name, long value) {
    return new PortDevice() {
      @Override
      public long read(int port, int bytes) {
        log.add("%s r%d@%x".formatted(name, bytes, port));
        return value;
      }

      @Override
      public void write(int port, int bytes, long written) {
        log.add("%s w%d@%x=%x".formatted(name, bytes, port, written));
      }
    };
  }

  @Test
  void anMmioAccessReachesItsDeviceCutToItsWidth() {
    bus.mapMmio(0x1000, 0x100, mmio("a", -1L));
    assertThat(bus.read(0x10fc, 4)).isEqualTo(0xffff_ffffL);
    assertThat(bus.read(0x10f8, 8)).isEqualTo(-1L);
    bus.write(0x1003, 1, 5);
    assertThat(log).containsExactly("a r4+fc", "a r8+f8", "a w1+3=5");
  }

  @Test
  void anMmioAccessNoOneDeviceClaimsWholeReadsAsOnesAndTouchesNobody() {
    bus.mapMmio(0x1000, 0x100, mmio("a", 0));
    bus.mapMmio(0x1100, 0x100, mmio("b", 0));
    assertThat(bus.read(0x10fe, 4)).isEqualTo(0xffff_ffffL);
    assertThat(bus.read(0x2000, 2)).isEqualTo(0xffff);
    assertThat(bus.read(-4, 8)).isEqualTo(-1L);
    assertThat(bus.read(Long.MAX_VALUE, 8)).isEqualTo(-1L);
    bus.write(0x11fd, 8, 1);
    assertThat(log).isEmpty();
    assertThat(bus.isMapped(0x0fff)).isFalse();
    assertThat(bus.isMapped(0x11ff)).isTrue();
    assertThat(bus.isMapped(0x1200)).isFalse();
  }

  @Test
  void aPortAccessAcrossDevicesIsSplitIntoBytes() {
    bus.mapPorts(0x60, 1, port("kbd", 0x12));
    bus.mapPorts(0x61, 1, port("ctl", 0x34));
    bus.mapPorts(0xf4, 4, port("exit", 0x89abcdefL));
    assertThat(bus.readPort(0x60, 2)).isEqualTo(0x3412);
    assertThat(bus.readPort(0x5f, 4)).isEqualTo(0xff3412ffL);
    assertThat(bus.readPort(0xf4, 4)).isEqualTo(0x89abcdefL);
    assertThat(bus.readPort(0xf4, 2)).isEqualTo(0xcdef);
    bus.writePort(0x60, 2, 0xbeef);
    bus.writePort(0xf4, 4, 7);
    assertThat(log.subList(log.size() - 3, log.size()))
        .containsExactly("kbd w1@60=ef", "ctl w1@61=be", "exit w4@f4=7");
  }

  @Test
  void portsWrapAtSixteenBitsAndUnclaimedOnesReadAsOnes() {
    bus.mapPorts(0, 1, port("zero", 0x55));
    assertThat(bus.readPort(0xffff, 2)).isEqualTo(0x55ff);
    assertThat(bus.readPort(0x1234, 4)).isEqualTo(0xffff_ffffL);
    bus.writePort(0x1234, 4, 1);
    assertThat(log).containsExactly("zero r1@0");
  }

  @Test
  void overlappingOrEmptyClaimsAreRefused() {
    bus.mapMmio(0x1000, 0x100, mmio("a", 0));
    bus.mapPorts(0x60, 2, port("a", 0));
    assertThatThrownBy(() -> bus.mapMmio(0x10ff, 1, mmio("b", 0)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bus.mapMmio(0, 0, mmio("b", 0)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bus.mapPorts(0x61, 1, port("b", 0)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bus.mapPorts(0xffff, 2, port("b", 0)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aWordDeviceSplitsAndCutsAccessesByItsWords() {
    WordMmioDevice device =
        new WordMmioDevice() {
          @Override
          public int readWord(long offsetBytes) {
            return (int) (0x8000_0000 + offsetBytes);
          }

          @Override
          public void writeWord(long offsetBytes, int value) {
            log.add("w+%x=%x".formatted(offsetBytes, value));
          }
        };
    assertThat(device.read(8, 8)).isEqualTo(0x8000_000c_8000_0008L);
    assertThat(device.read(11, 1)).isEqualTo(0x80);
    assertThat(device.read(10, 4)).isEqualTo(-1L);
    assertThat(device.read(4, 8)).isEqualTo(0x8000_0008_8000_0004L);
    device.write(0, 1, 0x1ff);
    device.write(0, 8, 0x1_0000_0002L);
    device.write(1, 1, 3);
    device.write(2, 4, 3);
    assertThat(log).containsExactly("w+0=ff", "w+0=2", "w+4=1");
  }
}
