package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageBytesTest {
  private static final int PAGE_BYTES = 4096;
  private static final int FRAMES = 6;

  private final PageBytes bytes = new PageBytes();

  /** Against arrays that are whole, not shared and not cut off. */
  @Test
  void holdsWhatWasStored() {
    Random random = new Random(20261122);
    Map<Integer, byte[]> plain = new HashMap<>();
    for (int i = 0; i < FRAMES; i++) {
      plain.put(i, new byte[PAGE_BYTES]);
    }
    for (int i = 0; i < 4000; i++) {
      step(random, plain);
      int frame = random.nextInt(FRAMES);
      int at = random.nextInt(PAGE_BYTES);
      assertThat(bytes.load(frame, at)).isEqualTo(plain.get(frame)[at] & 0xff);
    }
    for (int i = 0; i < FRAMES; i++) {
      boolean zero = true;
      for (int at = 0; at < PAGE_BYTES; at++) {
        assertThat(bytes.load(i, at)).isEqualTo(plain.get(i)[at] & 0xff);
        zero &= plain.get(i)[at] == 0;
      }
      assertThat(bytes.isZero(i, 0)).isEqualTo(zero);
    }
  }

  private void step(Random random, Map<Integer, byte[]> plain) {
    int from = random.nextInt(FRAMES);
    int to = (from + 1 + random.nextInt(FRAMES - 1)) % FRAMES;
    int at = random.nextInt(PAGE_BYTES);
    switch (random.nextInt(6)) {
      case 0, 1 -> {
        int value = random.nextInt(4) * 85;
        bytes.store(to, at, value);
        plain.get(to)[at] = (byte) value;
      }
      case 2 -> {
        bytes.copy(from, to, 0);
        plain.put(to, plain.get(from).clone());
      }
      case 3 -> {
        int source = random.nextInt(PAGE_BYTES);
        int length = random.nextInt(PAGE_BYTES - Math.max(source, at) + 1);
        bytes.copyBytes(from, source, to, at, length);
        System.arraycopy(plain.get(from), source, plain.get(to), at, length);
      }
      case 4 -> {
        bytes.set(to, SourceBuffer.page(at));
        plain.put(to, SourceBuffer.page(at).clone());
      }
      default -> {
        bytes.zero(to, 0);
        plain.put(to, new byte[PAGE_BYTES]);
      }
    }
  }

  @Test
  void framesOfAFolioGoTogether() {
    bytes.store(4, 0, 1);
    bytes.store(7, PAGE_BYTES - 1, 2);
    assertThat(bytes.isZero(4, 2)).isFalse();
    assertThat(bytes.isZero(5, 1)).isTrue();
    bytes.copy(4, 8, 2);
    assertThat(bytes.load(8, 0)).isEqualTo(1);
    assertThat(bytes.load(11, PAGE_BYTES - 1)).isEqualTo(2);
    bytes.zero(8, 2);
    assertThat(bytes.isZero(8, 2)).isTrue();
    assertThat(bytes.load(7, PAGE_BYTES - 1)).isEqualTo(2);
  }

  @Test
  void aScriptCannotFillTheHeap() {
    assertThatThrownBy(
            () -> {
              for (int frame = 0; frame < 100_000; frame++) {
                bytes.store(frame, PAGE_BYTES - 1, 1);
              }
            })
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the script stores more than 268435456 bytes");
  }
}
