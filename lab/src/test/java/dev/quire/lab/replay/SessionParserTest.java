package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SessionParserTest {
  @Test
  void whoRunsAnOperationAndOnWhat() {
    SessionOp plain = SessionParser.parse("get 3+0x123");
    assertThat(plain.lane()).isEqualTo(SessionOp.PARENT);
    assertThat(plain.handle()).isNull();
    assertThat(plain.byThread()).isFalse();
    SessionOp threads = SessionParser.parse("t12: @u2 copy 0 1 0 s+5");
    assertThat(threads.lane()).isEqualTo("t12");
    assertThat(threads.handle()).isEqualTo("u2");
    assertThat(threads.byThread()).isTrue();
    SessionOp childs = SessionParser.parse("c:get 0");
    assertThat(childs.byChild()).isTrue();
    assertThat(childs.needsChild()).isTrue();
    assertThat(SessionParser.parse("t1: fork").forks()).isTrue();
    assertThat(SessionParser.parse("cexit").needsChild()).isTrue();
  }

  @Test
  void joins() {
    SessionOp thread = SessionParser.parse("join t1");
    assertThat(thread.joins()).isTrue();
    assertThat(thread.lane()).isEqualTo("t1");
    SessionOp child = SessionParser.parse("cjoin");
    assertThat(child.joins()).isTrue();
    assertThat(child.byChild()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "uffd nonblock|cloexec",
        "uffd 0x80000000",
        "uffd_dev 4",
        "uffd_dev_ioctl 0x33",
        "uffd_api 0xaa 0x8000000000000000",
        "uffd_api 0xaa exact|thread_id|0x100",
        "register =0xffff800000000000 1 missing|wp|minor",
        "unregister =0xfffffffffffff000 2",
        "copy 0 =0xffffffffffffffff dontwake|wp s+4096",
        "move 0 s 1 allow_holes",
        "wp 0 1+1 3",
        "wake 0 0",
        "poll",
        "event",
        "uffd_read 31",
        "mem 5 00ff",
        "words 5 0xffffffffffffffff 16 0x1000",
        "peek 9 32",
        "syswrite 2+8 =100",
        "vmsplice s 1",
        "pages s 4",
        "pmscan 0 8 1 2",
        "fallocate 3 0 0x1000",
        "fchmod 0600",
        "fcntl 3 0",
        "lseek 4096 0",
        "pread 4096 0",
        "rawwrite 32",
        "reopen_ro fr",
        "reopen_rw",
        "dup ud",
        "close u",
        "open hugetlb 512",
        "madv 0 4 populate_write",
        "t1: mremap 12 2 100 4"
      })
  void operationsOfSessions(String text) {
    assertThatCode(() -> SessionParser.parse(text)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"fcntl 1030 0", "fcntl 5 1"})
  void operationsThatThisVersionDoesNotRun(String text) {
    assertThatThrownBy(() -> SessionParser.parse(text)).isInstanceOf(LaterOpException.class);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "mmap 0 4 rw                | unknown operation 'mmap'",
        "state                      | unknown operation 'state'",
        "get                        | an address is missing",
        "get x                      | the address 'x' is not a number",
        "get s+                     | the byte of the source '' is not a number",
        "get s+16777217             | out of range: 0 to 16777216",
        "get =0x10000000000000000   | is not a number",
        "get =18446744073709551616  | does not fit in 64 bits",
        "set 0 256                  | V 256 is out of range: 0 to 255",
        "get 0 1                    | '1' is one word too many",
        "mem 0 abc                  | is not bytes of two hexadecimal digits",
        "words 0 1 131073 1         | COUNT 131073 is out of range",
        "peek 0 1048577             | N 1048577 is out of range",
        "uffd often                 | FLAGS 'often' is neither a number nor one of",
        "\"uffd nonblock|\"         | FLAGS '' is neither a number nor one of",
        "uffd_api 0xaa later        | FEATURES 'later' is neither",
        "register 0 4               | MODES is missing",
        "copy 0 1 0 s 5             | '5' is one word too many",
        "move 0 0 1 wp              | MODE 'wp' is neither",
        "uffd_read -1               | BYTES '-1' is not a number",
        "uffd_ioctl 256             | NR 256 is out of range",
        "fchmod 900                 | '900' is not a mode of up to four octal digits",
        "close @u                   | H '@u' is not a name",
        "dup                        | H2 is missing",
        "join                       | the thread is missing",
        "join c                     | 'c' is not a thread such as t1",
        "t1: join t2                | only the parent can join",
        "@u cjoin                   | only the parent can cjoin",
        "c: fork                    | the child can neither fork nor",
        "c: cexit                   | the child can neither fork nor",
        "t1: t2: get 0              | unknown operation 't2:'",
        "@toolong_toolong_toolong_toolong_toolong get 0 | unknown operation '@toolong",
        "map 0 =99999999999999999999 rw | does not fit in 64 bits"
      })
  void mistakesAreNamed(String text, String reason) {
    assertThatThrownBy(() -> SessionParser.parse(text.strip()))
        .isInstanceOf(BadOpException.class)
        .hasMessageContaining(reason);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "t1:", "t1: ", "@u ", "get 0 ", "get  0"})
  void blanksAreMistakes(String text) {
    assertThatThrownBy(() -> SessionParser.parse(text)).isInstanceOf(BadOpException.class);
  }
}
