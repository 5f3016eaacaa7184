package dev.quire.kvm.vm;

import dev.quire.kvm.abi.LittleEndian;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What a file of KVM_GET_STATS_FD says before its values: a header, who it is about, and a
 * descriptor of each statistic (Linux v6.18 virt/kvm/binary_stats.c; include/uapi/linux/kvm.h,
 * struct kvm_stats_header, struct kvm_stats_desc). Immutable.
 */
public final class StatisticsLayout {
  /** Values since the vCPU or VM was made, values now, and the highest so far. */
  public static final int CUMULATIVE = 0;

  public static final int INSTANT = 1;
  public static final int PEAK = 2;
  private static final int LOGARITHMIC = 4;

  private static final int UNIT_NONE = 0;
  private static final int UNIT_SECONDS = 2 << 4;
  private static final int UNIT_BOOLEAN = 4 << 4;

  private static final int HEADER_BYTES = 24;
  private static final int NAME_BYTES = 48;
  private static final int DESCRIPTOR_BYTES = 16 + NAME_BYTES;
  private static final int NANO = -9;

  /** HALT_POLL_HIST_COUNT. */
  private static final int BUCKETS = 32;

  /** KVM_GENERIC_VM_STATS. */
  public static final StatisticsLayout GENERIC_VM =
      new StatisticsLayout(List.of())
          .with(CUMULATIVE, "remote_tlb_flush", "remote_tlb_flush_requests");

  /** KVM_GENERIC_VCPU_STATS. */
  public static final StatisticsLayout GENERIC_VCPU =
      new StatisticsLayout(List.of())
          .with(
              CUMULATIVE,
              "halt_successful_poll",
              "halt_attempted_poll",
              "halt_poll_invalid",
              "halt_wakeup")
          .with(CUMULATIVE | UNIT_SECONDS, NANO, 1, "halt_poll_success_ns")
          .with(CUMULATIVE | UNIT_SECONDS, NANO, 1, "halt_poll_fail_ns")
          .with(CUMULATIVE | UNIT_SECONDS, NANO, 1, "halt_wait_ns")
          .with(LOGARITHMIC | UNIT_SECONDS, NANO, BUCKETS, "halt_poll_success_hist")
          .with(LOGARITHMIC | UNIT_SECONDS, NANO, BUCKETS, "halt_poll_fail_hist")
          .with(LOGARITHMIC | UNIT_SECONDS, NANO, BUCKETS, "halt_wait_hist")
          .withBoolean("blocking");

  private record Statistic(int flags, int exponent, int values, String name) {}

  private final List<Statistic> statistics;

  private StatisticsLayout(List<Statistic> statistics) {
    this.statistics = statistics;
  }

  /**
   * These and more, each of one plain value.
   *
   * @param type {@link #CUMULATIVE}, {@link #INSTANT} or {@link #PEAK}
   */
  public StatisticsLayout with(int type, String... names) {
    StatisticsLayout layout = this;
    for (String name : names) {
      layout = layout.with(type | UNIT_NONE, 0, 1, name);
    }
    return layout;
  }

  /** These and one more that is 0 or 1 now. */
  public StatisticsLayout withBoolean(String name) {
    return with(INSTANT | UNIT_BOOLEAN, 0, 1, name);
  }

  private StatisticsLayout with(int flags, int exponent, int values, String name) {
    if (name.length() >= NAME_BYTES) {
      throw new IllegalArgumentException(
          "a name of more than %d bytes: %s".formatted(NAME_BYTES - 1, name));
    }
    List<Statistic> more = new ArrayList<>(statistics);
    more.add(new Statistic(flags, exponent, values, name));
    return new StatisticsLayout(List.copyOf(more));
  }

  /** How many values there are. */
  public int values() {
    return statistics.stream().mapToInt(Statistic::values).sum();
  }

  /**
   * The place among the values of a statistic, the first of its values if it has several.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public int placeOf(String name) {
    int place = 0;
    for (Statistic statistic : statistics) {
      if (statistic.name.equals(name)) {
        return place;
      }
      place += statistic.values;
    }
    throw new IllegalArgumentException("no statistic " + name);
  }

  /** The whole file. */
  byte[] file(String id, long[] values) {
    int descriptors = HEADER_BYTES + NAME_BYTES;
    int data = descriptors + statistics.size() * DESCRIPTOR_BYTES;
    byte[] file = new byte[data + values.length * Long.BYTES];
    LittleEndian.putInt(file, 4, NAME_BYTES);
    LittleEndian.putInt(file, 8, statistics.size());
    LittleEndian.putInt(file, 12, HEADER_BYTES);
    LittleEndian.putInt(file, 16, descriptors);
    LittleEndian.putInt(file, 20, data);
    putName(file, HEADER_BYTES, id);
    int at = descriptors;
    int place = 0;
    for (Statistic statistic : statistics) {
      LittleEndian.putInt(file, at, statistic.flags);
      LittleEndian.putShort(file, at + 4, statistic.exponent);
      LittleEndian.putShort(file, at + 6, statistic.values);
      LittleEndian.putInt(file, at + 8, place * Long.BYTES);
      putName(file, at + 16, statistic.name);
      at += DESCRIPTOR_BYTES;
      place += statistic.values;
    }
    for (int i = 0; i < values.length; i++) {
      LittleEndian.putLong(file, data + i * Long.BYTES, values[i]);
    }
    return file;
  }

  private static void putName(byte[] file, int at, String name) {
    byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(ascii, 0, file, at, Math.min(ascii.length, NAME_BYTES - 1));
  }
}
