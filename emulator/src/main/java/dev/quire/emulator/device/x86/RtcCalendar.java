package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;

/**
 * The time, date and alarm cells of an MC146818 in the formats register B selects (BCD or binary,
 * 12 or 24 hours).
 *
 * <p>While it runs, the date is a number of seconds counted from a reference second of virtual
 * time; while SET is up or the divider is held in reset, the cells hold what the guest wrote.
 * Impossible dates a guest writes are carried over (month 13 is January of the next year), never
 * refused.
 */
final class RtcCalendar {
  private static final long SECOND = 1_000_000_000L;
  private static final int CENTURY = 0x32;
  private static final int A = 0x0a;
  private static final int B = 0x0b;
  private static final int B_SET = 0x80;
  private static final int B_BINARY = 0x04;
  private static final int B_24_HOURS = 0x02;

  /** Bounds the date: a stored or carried-over date cannot leave years 0..9999 by much. */
  private static final long MAX_EPOCH_SECONDS = 300_000_000_000L;

  private final byte[] cells;

  /** The second that is current from {@link #referenceNanos} on. */
  private long referenceEpochSeconds;

  private long referenceNanos;
  private boolean wasRunning;
  private boolean wasDividerReset;

  RtcCalendar(byte[] cells, long startEpochSeconds) {
    this.cells = cells;
    referenceEpochSeconds = clamp(startEpochSeconds);
  }

  /** Seconds, minutes, hours, day of week, day, month, year; their alarms are plain cells. */
  static boolean isTime(int index) {
    return index <= 9 && index != 1 && index != 3 && index != 5 || index == CENTURY;
  }

  boolean isRunning() {
    return (cells[B] & B_SET) == 0 && !dividerReset();
  }

  boolean dividerReset() {
    return (cells[A] & 0x60) == 0x60;
  }

  int read(int index, long nowNanos) {
    if (isRunning()) {
      spread(nowNanos);
    }
    return cells[index] & 0xff;
  }

  void write(int index, int value, long nowNanos) {
    if (!isRunning()) {
      cells[index] = (byte) value;
      return;
    }
    spread(nowNanos);
    cells[index] = (byte) value;
    gather(nowNanos);
  }

  /** Call before register A or B changes. */
  void beforeModeChange(long nowNanos) {
    wasRunning = isRunning();
    wasDividerReset = dividerReset();
    if (wasRunning) {
      spread(nowNanos);
    }
    if (!wasDividerReset) {
      long second = secondStart(nowNanos); // under SET the seconds go on, unseen
      referenceEpochSeconds = epochSecondsAt(second);
      referenceNanos = second;
    }
  }

  /**
   * Call after register A or B changed. A clock that starts to run takes its time from the cells.
   */
  void afterModeChange(long nowNanos) {
    if (wasDividerReset && !dividerReset()) {
      // "the first update occurs one-half second later" once the divider is released
      referenceNanos = nowNanos - SECOND / 2;
    }
    if (!wasRunning && isRunning()) {
      referenceEpochSeconds = gathered();
    }
  }

  long nextSecondNanos(long afterNanos) {
    return secondStart(afterNanos) + SECOND;
  }

  /** The next second that matches the three alarm cells; a cell of 0xc0 or more matches all. */
  long nextAlarmNanos(long afterNanos) {
    long start = secondStart(afterNanos) + SECOND;
    int from = (int) Math.floorMod(epochSecondsAt(start), 86_400L);
    for (int ahead = 0; ahead < 86_400; ) {
      int second = (from + ahead) % 86_400;
      if (!matches(5, hourCell(second / 3600))) {
        ahead += 3600 - second % 3600;
      } else if (!matches(3, encode(second / 60 % 60))) {
        ahead += 60 - second % 60;
      } else if (!matches(1, encode(second % 60))) {
        ahead++;
      } else {
        return start + ahead * SECOND;
      }
    }
    return EventQueue.NEVER;
  }

  private boolean matches(int alarmIndex, int current) {
    int alarm = cells[alarmIndex] & 0xff;
    return alarm >= 0xc0 || alarm == current;
  }

  private long secondStart(long nanos) {
    return nanos - Math.floorMod(nanos - referenceNanos, SECOND);
  }

  private long epochSecondsAt(long nanos) {
    return clamp(referenceEpochSeconds + Math.floorDiv(nanos - referenceNanos, SECOND));
  }

  /** Writes the date of now into the cells. */
  private void spread(long nowNanos) {
    LocalDateTime date = LocalDateTime.ofEpochSecond(epochSecondsAt(nowNanos), 0, ZoneOffset.UTC);
    cells[0] = (byte) encode(date.getSecond());
    cells[2] = (byte) encode(date.getMinute());
    cells[4] = (byte) hourCell(date.getHour());
    cells[6] = (byte) encode(date.getDayOfWeek().getValue() % 7 + 1); // Sunday is 1
    cells[7] = (byte) encode(date.getDayOfMonth());
    cells[8] = (byte) encode(date.getMonthValue());
    cells[9] = (byte) encode(Math.floorMod(date.getYear(), 100));
    cells[CENTURY] = (byte) encode(Math.floorMod(date.getYear() / 100, 100));
  }

  private void gather(long nowNanos) {
    referenceNanos = secondStart(nowNanos);
    referenceEpochSeconds = gathered();
  }

  private long gathered() {
    int year = decode(cells[CENTURY]) * 100 + decode(cells[9]);
    LocalDate date =
        LocalDate.of(Math.min(year, 9_999), 1, 1)
            .plusMonths(decode(cells[8]) - 1L)
            .plusDays(decode(cells[7]) - 1L);
    long seconds = decodeHour() * 3600L + decode(cells[2]) * 60L + decode(cells[0]);
    return clamp(date.toEpochSecond(LocalTime.MIDNIGHT, ZoneOffset.UTC) + seconds);
  }

  private int encode(int value) {
    return (cells[B] & B_BINARY) != 0 ? value : value / 10 << 4 | value % 10;
  }

  private int decode(byte cell) {
    int value = cell & 0xff;
    return (cells[B] & B_BINARY) != 0 ? value : (value >>> 4) * 10 + (value & 15);
  }

  /** 12-hour mode: 12, 1..11 and bit 7 for the afternoon. */
  private int hourCell(int hour) {
    if ((cells[B] & B_24_HOURS) != 0) {
      return encode(hour);
    }
    int twelve = hour % 12 == 0 ? 12 : hour % 12;
    return encode(twelve) | (hour >= 12 ? 0x80 : 0);
  }

  private int decodeHour() {
    if ((cells[B] & B_24_HOURS) != 0) {
      return decode(cells[4]);
    }
    return decode((byte) (cells[4] & 0x7f)) % 12 + (cells[4] < 0 ? 12 : 0);
  }

  private static long clamp(long epochSeconds) {
    return Math.max(-MAX_EPOCH_SECONDS / 5, Math.min(MAX_EPOCH_SECONDS, epochSeconds));
  }

  void save(StateWriter writer) {
    writer.putLong(referenceEpochSeconds).putLong(referenceNanos);
  }

  void load(StateReader reader) {
    referenceEpochSeconds = reader.getLong(-MAX_EPOCH_SECONDS / 5, MAX_EPOCH_SECONDS, "RTC date");
    referenceNanos = reader.getLong(-SECOND, Long.MAX_VALUE / 2, "RTC reference");
  }
}
