package dev.quire.emulator.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class StateCodecTest {
  private static byte[] sample() {
    StateWriter writer = new StateWriter();
    writer.begin("outer", 3).putByte(0xfe).putBoolean(true).putInt(-7);
    writer.begin("inner", 1).putLong(Long.MIN_VALUE).putBytes(new byte[] {1, 2, 3}).end();
    writer.putInts(new int[] {4, 5}).putLongs(new long[] {6}).end();
    return writer.toByteArray();
  }

  private static void readSample(byte[] bytes) {
    StateReader reader = new StateReader(bytes);
    assertThat(reader.begin("outer", 5)).isEqualTo(3);
    assertThat(reader.getByte()).isEqualTo(0xfe);
    assertThat(reader.getBoolean()).isTrue();
    assertThat(reader.getInt()).isEqualTo(-7);
    reader.begin("inner", 1);
    assertThat(reader.getLong()).isEqualTo(Long.MIN_VALUE);
    assertThat(reader.getBytesUpTo(3)).containsExactly(1, 2, 3);
    reader.end();
    int[] ints = new int[2];
    long[] longs = new long[1];
    reader.getInts(ints);
    reader.getLongs(longs);
    assertThat(ints).containsExactly(4, 5);
    assertThat(longs).containsExactly(6);
    reader.end();
  }

  @Test
  void whatIsWrittenIsRead() {
    readSample(sample());
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] whole = sample();
    for (int length = 0; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> readSample(part)).isInstanceOf(StateFormatException.class);
    }
  }

  @Test
  void aForeignTagANewerVersionAndLeftOverBytesAreRefused() {
    byte[] bytes = new StateWriter().begin("uart", 2).putInt(1).end().toByteArray();
    assertThatThrownBy(() -> new StateReader(bytes).begin("pit", 2))
        .isInstanceOf(StateFormatException.class)
        .hasMessageContaining("expected section 'pit'");
    assertThatThrownBy(() -> new StateReader(bytes).begin("uart", 1))
        .hasMessageContaining("version 2, newest known is 1");
    StateReader reader = new StateReader(bytes);
    reader.begin("uart", 2);
    assertThatThrownBy(reader::end).hasMessageContaining("4 bytes left over");
  }

  @Test
  void rangesAndLengthsAreChecked() {
    byte[] bytes = new StateWriter().begin("x", 1).putInt(9).putByte(2).end().toByteArray();
    StateReader number = new StateReader(bytes);
    number.begin("x", 1);
    assertThatThrownBy(() -> number.getInt(0, 8, "mode")).hasMessageContaining("mode is 9");
    assertThatThrownBy(number::getBoolean).isInstanceOf(StateFormatException.class);
    StateReader array = new StateReader(bytes);
    array.begin("x", 1);
    assertThatThrownBy(() -> array.getInts(new int[3])).isInstanceOf(StateFormatException.class);
    StateReader huge = new StateReader(bytes);
    huge.begin("x", 1);
    assertThatThrownBy(() -> huge.getBytesUpTo(100)).hasMessageContaining("truncated");
  }

  @Test
  void anUnbalancedWriterIsAMistakeOfTheProgram() {
    StateWriter writer = new StateWriter().begin("x", 1);
    assertThatThrownBy(writer::toByteArray).isInstanceOf(IllegalStateException.class);
  }
}
