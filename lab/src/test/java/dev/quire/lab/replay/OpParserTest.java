package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.lab.replay.ScriptOp.Backing;
import dev.quire.lab.replay.TouchOrder.Direction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OpParserTest {
  private static PageRange pages(long first, long count) {
    return new PageRange(PageRange.BASE + first * 4096, count * 4096);
  }

  private static ScriptOp.Call call(String text) {
    return OpParser.parse(text).call();
  }

  @Test
  void mappings() {
    assertThat(call("map 3 100 rw")).isEqualTo(new ScriptOp.Map(pages(3, 100), 3, Backing.PRIVATE));
    assertThat(call("mapshared 0 0x10 none"))
        .isEqualTo(new ScriptOp.Map(pages(0, 16), 0, Backing.SHARED));
    assertThat(call("mappopulate 5 600 rwx"))
        .isEqualTo(new ScriptOp.Map(pages(5, 600), 7, Backing.PRIVATE_POPULATED));
    assertThat(call("mapf 7 100 r s 9"))
        .isEqualTo(new ScriptOp.MapFile(pages(7, 100), 1, true, 9 * 4096));
    assertThat(call("mapf 7 100 r p 9"))
        .isEqualTo(new ScriptOp.MapFile(pages(7, 100), 1, false, 9 * 4096));
    assertThat(call("mremap 1 2 2049 4 dontunmap"))
        .isEqualTo(new ScriptOp.Remap(pages(1, 2), pages(2049, 4), true));
    assertThat(call("mremap 1 2 2049 4"))
        .isEqualTo(new ScriptOp.Remap(pages(1, 2), pages(2049, 4), false));
    assertThat(call("mprotect 0 4 r")).isEqualTo(new ScriptOp.Protect(pages(0, 4), 1));
    assertThat(call("madv 1 2 guard_install"))
        .isEqualTo(new ScriptOp.Advise(pages(1, 2), Advice.GUARD_INSTALL));
  }

  @Test
  void addressesAndLengthsInBytes() {
    assertThat(call("munmap 2+0x10 1+5"))
        .isEqualTo(new ScriptOp.Unmap(new PageRange(PageRange.BASE + 2 * 4096 + 16, 4096 + 5)));
    assertThat(call("munmap =0x8000 =12")).isEqualTo(new ScriptOp.Unmap(new PageRange(0x8000, 12)));
  }

  @Test
  void touches() {
    assertThat(call("touch r 0 40 6 rand 3"))
        .isEqualTo(new ScriptOp.Touch(false, PageRange.BASE, 40, 6, Direction.RAND, 3));
    assertThat(call("touch w 2 1 1 rev"))
        .isEqualTo(new ScriptOp.Touch(true, PageRange.BASE + 8192, 1, 1, Direction.REV, 1));
  }

  @Test
  void files() {
    assertThat(call("open gmem 64")).isEqualTo(new ScriptOp.Open(FileType.GMEM, 64 * 4096));
    assertThat(call("fwrite 3 5")).isEqualTo(new ScriptOp.WriteFile(12288, 20480, false));
    assertThat(call("fwritebig 3 5")).isEqualTo(new ScriptOp.WriteFile(12288, 20480, true));
    assertThat(call("fpunch 1 2")).isEqualTo(new ScriptOp.PunchHole(4096, 8192));
    assertThat(call("ftruncate 10")).isEqualTo(new ScriptOp.Truncate(40960));
    assertThat(call("fdropcache 0 4")).isEqualTo(new ScriptOp.DropCache(0, 16384));
  }

  @ParameterizedTest
  @ValueSource(strings = {"c:touch w 0 1 1 seq", "c: touch w 0 1 1 seq"})
  void theChildRunsWhatFollowsThePrefix(String text) {
    ScriptOp op = OpParser.parse(text);
    assertThat(op.child()).isTrue();
    assertThat(op.text()).isEqualTo("touch w 0 1 1 seq");
    assertThat(op.call()).isInstanceOf(ScriptOp.Touch.class);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "mmap 0 4 rw                    | unknown operation 'mmap'",
        "map 0 4                        | the protection is missing",
        "map 0 4 rwz                    | protection 'rwz' is not",
        "map 0 4 rr                     | protection 'rr' is not",
        "map 0 4 rw 5                   | '5' is one word too many",
        "map -1 4 rw                    | the address '-1' is not a number",
        "map 16777217 4 rw              | the address 16777217 is out of range: 0 to 16777216",
        "map 16777216 1 rw              | the range ends above page 16777216",
        "map 8 16777216 rw              | the range ends above page 16777216",
        "map 18446744073709551616 1 rw  | the address 18446744073709551616 is out of range",
        "map 99999999999999999999999 1 rw | is not a number",
        "map 0 9223372036854775807 rw   | out of range",
        "map 0x 4 rw                    | '0x' is not a number",
        "map 1+4097 4 rw                | 4097 is out of range: 0 to 4096",
        "munmap =0xffffffffffffffff 1   | out of range",
        "map s 4 rw                     | 's' is not a number",
        "madv 0 4 hope                  | unknown advice 'hope'",
        "mapf 0 4 rw x 0                | 'x' is neither s (shared) nor p (private)",
        "open btrfs 4                   | 'btrfs' is not one of memfd",
        "touch x 0 1 1 seq              | 'x' is neither r (read) nor w (write)",
        "touch r 0 1 1 up               | 'up' is not one of seq, rev, rand",
        "touch r 0 2000000 1 seq        | COUNT 2000000 is out of range",
        "touch r 0 1000000 16777216 seq | the last page lies above page 16777216",
        "mremap 0 4 8 4 unmap           | can only be dontunmap",
        "map  0 4 rw                    | single spaces",
        "t1 get 0                       | unknown operation 't1'",
        "t1: madv 0 4 dontneed          | unknown operation 't1:'",
        "register 0 4 missing           | unknown operation 'register'",
        "get 0                          | unknown operation 'get'"
      })
  void mistakesAreNamed(String text, String reason) {
    assertThatThrownBy(() -> OpParser.parse(text.stripTrailing()))
        .isInstanceOf(BadOpException.class)
        .hasMessageContaining(reason);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "map 0 4 rw "})
  void blanksAreMistakes(String text) {
    assertThatThrownBy(() -> OpParser.parse(text)).isInstanceOf(BadOpException.class);
  }
}
