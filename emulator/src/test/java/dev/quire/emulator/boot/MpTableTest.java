package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MpTableTest {
  private static int sum(ByteBuffer table, int from, int bytes) {
    int sum = 0;
    for (int i = from; i < from + bytes; i++) {
      sum += table.get(i);
    }
    return sum & 0xff;
  }

  /** Reads the table as a kernel does: entry by entry, by the type's length. */
  private static List<String> entries(ByteBuffer table) {
    List<String> entries = new ArrayList<>();
    int at = 16 + 44;
    int count = table.getShort(16 + 34);
    for (int i = 0; i < count; i++) {
      int type = table.get(at);
      entries.add(
          switch (type) {
            case 0 -> "cpu %d flags %d".formatted(table.get(at + 1) & 0xff, table.get(at + 3));
            case 1 -> "bus %d".formatted(table.get(at + 1));
            case 2 -> "ioapic %d at %x".formatted(table.get(at + 1), table.getInt(at + 4));
            default ->
                "%s kind %d irq %d -> apic %d pin %d"
                    .formatted(
                        type == 3 ? "io" : "local",
                        table.get(at + 1),
                        table.get(at + 5),
                        table.get(at + 6) & 0xff,
                        table.get(at + 7));
          });
      at += type == 0 ? 20 : 8;
    }
    assertThat(at).as("end of the last entry").isEqualTo(16 + table.getShort(16 + 4));
    return entries;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 255})
  void theTableIsWellFormedAndListsEveryCpu(int cpus) {
    byte[] bytes = MpTable.build(cpus, 0xf0000);
    ByteBuffer table = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(new String(bytes, 0, 4, StandardCharsets.US_ASCII)).isEqualTo("_MP_");
    assertThat(new String(bytes, 16, 4, StandardCharsets.US_ASCII)).isEqualTo("PCMP");
    assertThat(table.getInt(4)).isEqualTo(0xf0010);
    assertThat(sum(table, 0, 16)).isZero();
    assertThat(sum(table, 16, table.getShort(20))).isZero();
    assertThat(table.getInt(16 + 36)).as("local APIC").isEqualTo(0xfee00000);
    List<String> entries = entries(table);
    assertThat(entries.subList(0, cpus)).allMatch(entry -> entry.startsWith("cpu "));
    assertThat(entries.get(0)).isEqualTo("cpu 0 flags 3");
    if (cpus > 1) {
      assertThat(entries.get(cpus - 1)).isEqualTo("cpu " + (cpus - 1) + " flags 1");
    }
  }

  @Test
  void isaInterruptsGoToTheirPinsAndTheTimerToPin2() {
    ByteBuffer table = ByteBuffer.wrap(MpTable.build(1, 0xf0000)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(entries(table))
        .hasSize(1 + 1 + 1 + 15 + 2)
        .contains(
            "ioapic 0 at fec00000",
            "io kind 0 irq 0 -> apic 0 pin 2",
            "io kind 0 irq 4 -> apic 0 pin 4",
            "io kind 0 irq 15 -> apic 0 pin 15",
            "local kind 3 irq 0 -> apic 255 pin 0",
            "local kind 1 irq 0 -> apic 255 pin 1")
        .noneMatch(entry -> entry.contains("irq 2 "));
  }
}
