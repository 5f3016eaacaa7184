package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.bench.KvmLeftovers;
import dev.quire.lab.exec.PrivateService;
import dev.quire.lab.exec.ProgramArch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unmodified programs of /dev/kvm see from the service what the real one shows them. */
class KvmProgramsTest {
  /** Exit code of a program that the host gives too little. */
  private static final int SKIPPED = 77;

  @TempDir static Path folder;

  private static KvmPrograms programs;

  @BeforeAll
  static void makeFolder() {
    programs = new KvmPrograms(folder);
  }

  private static void needsX86() {
    assumeThat(programs.compiles(ProgramArch.X86_64) && ProgramArch.X86_64.isNative())
        .as("an x86-64 machine with a C compiler")
        .isTrue();
  }

  /** As recorded on Linux 6.18.44's own /dev/kvm. */
  private static String recorded(String name) throws IOException {
    try (var file = KvmProgramsTest.class.getResourceAsStream("/kvm/" + name + ".txt")) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** A program, perhaps with one argument, prints what the recording of that name has. */
  private static void printsWhatWasRecorded(String name, String... part)
      throws IOException, InterruptedException {
    String file = part.length == 0 ? name : name + "-" + part[0];
    prints(recorded(file), KernelProfile.LINUX_6_18, name, part);
  }

  /** A program, perhaps with one argument, prints this under the service of such a host. */
  private static void prints(String expected, KernelProfile kernel, String name, String... part)
      throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile(name, ProgramArch.X86_64);
    KvmPrograms.Ending ending = programs.run(kernel, program, part);
    assertThat(ending.passed()).isEqualTo(expected);
    assertThat(ending.err()).isEmpty();
  }

  @Test
  void theTranscriptIsARealKernels() throws IOException, InterruptedException {
    printsWhatWasRecorded("kvm_transcript");
  }

  @Test
  void theTranscriptIsThisMachinesKernels() throws IOException, InterruptedException {
    needsX86();
    assumeThat(Files.isWritable(Path.of("/dev/kvm"))).as("/dev/kvm").isTrue();
    Path program = programs.compile("kvm_transcript", ProgramArch.X86_64);
    assertThat(programs.run(program).passed()).isEqualTo(programs.runBare(program).passed());
  }

  /** dup, fork, KVM_SET_SIGNAL_MASK, and a slot's memory that becomes other memory. */
  @Test
  void descriptorsForksAndSignalsAreARealKernels() throws IOException, InterruptedException {
    printsWhatWasRecorded("kvm_descriptors");
  }

  /** INS and OUTS whose memory is a device's: who is asked for what, and when. */
  @Test
  void stringsBetweenPortsAndDevicesAreARealKernels() throws IOException, InterruptedException {
    printsWhatWasRecorded("kvm_port_strings");
  }

  @Test
  void guestMemfdIsARealKernels() throws IOException, InterruptedException {
    printsWhatWasRecorded("kvm_transcript", "guest_memfd");
  }

  @Test
  void guestMemfdIsNotWrittenInLinux618() throws IOException, InterruptedException {
    printsWhatWasRecorded("kvm_gmem_write");
  }

  /**
   * What mail 20250303130838.28812-2-kalyazin@amazon.com adds: errors and short counts are in its
   * code, positions in default_llseek (Linux v6.18 fs/read_write.c). Pages that the program touched
   * through its mapping hold something.
   */
  @Test
  void guestMemfdIsPopulatedByWriteWhereTheKernelHasIt() throws IOException, InterruptedException {
    prints(
        """
        a byte too few -1 Invalid argument
        a byte too far -1 Invalid argument
        behind the end -1 Invalid argument
        across the end -1 Invalid argument
        negative -1 Invalid argument
        from nowhere -1 Invalid argument
        from the kernel -1 Bad address
        nothing 0
        read -1 Invalid argument
        pread -1 Illegal seek
        at first 0
        from the end 10485760
        write there 4096
        after it 10489856
        write behind the end -1 Invalid argument
        set 12288
        pieces 12288
        after them 24576
        pieces elsewhere 12288
        pieces that meet 4096
        pieces nowhere -1 Invalid argument
        no pieces 0
        read pieces -1 Illegal seek
        as before 24576
        before the start -1 Invalid argument
        hole 10489856
        data behind the end -1 No such device or address
        again -1 No space left on device
        up to what is there 12288
        punch 0
        after the hole 4096
        holds 2
        allocate 0
        allocated 4096
        touched -1 No space left on device
        beside it 4096
        still 1
        three pages of two 8192
        half a page -1 Invalid argument
        and then all of it 4096
        all at once 10489856
        same 1
        the guest loads 232, should 232
        """,
        KernelProfile.RFC_WRITE,
        "kvm_gmem_write");
  }

  @Test
  void memoryThatTheProgramOnlyReadsIsARealKernels() throws IOException, InterruptedException {
    printsWhatWasRecorded("kvm_transcript", "read_only");
  }

  /** The client's own handler sees what guest and calls touch: missing, minor, write-protected. */
  @Test
  void userfaultfdIsARealKernels() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_userfault", ProgramArch.X86_64);
    KvmPrograms.Ending ending = programs.run(program);
    assumeThat(ending.exitCode()).as("userfaultfd of kernel accesses").isNotEqualTo(SKIPPED);
    assertThat(ending.passed()).isEqualTo(recorded("kvm_userfault"));
    assertThat(ending.err()).isEmpty();
  }

  /**
   * Guest tables that are not there yet, a handler that takes its time, and one for user mode only:
   * hva_to_pfn_slow takes FOLL_INTERRUPTIBLE and makes -EINTR of it, -EFAULT of SIGBUS (Linux v6.18
   * virt/kvm/kvm_main.c, arch/x86/kvm/mmu/mmu.c).
   */
  @Test
  void aHandlerMayTakeItsTimeOrRefuse() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_userfault", ProgramArch.X86_64);
    KvmPrograms.Ending ending = programs.run(program, "walks");
    assumeThat(ending.exitCode()).as("userfaultfd of kernel accesses").isNotEqualTo(SKIPPED);
    assertThat(ending.passed())
        .isEqualTo(
            recorded("kvm_userfault")
                .replace(
                    "done\n",
                    """
                      anonymous page 10
                      anonymous page 8
                    translate 0: valid 0
                      anonymous page 7
                    signalled: -1 Interrupted system call
                    anonymous page 7 holds 39
                    user mode only: -1 Bad address
                    done
                    """));
  }

  /**
   * Of a host whose processor executes real mode itself, since KVM's emulator makes MMIO of what is
   * gone: get_user_pages of a page beyond the file's end is -EFAULT (Linux v6.18 mm/gup.c).
   */
  @Test
  void aClientTruncatesTheFileOfItsGuestsMemory() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_truncate", ProgramArch.X86_64);
    KvmPrograms.Ending ending = programs.run(program);
    assertThat(ending.passed())
        .isEqualTo(
            """
            16 pages: 0
            page 8 holds 8
            4 pages: 0
            page 8: Bad address
            page 9: Bad address
            page 2 holds 2
            translate 0: valid 0
            16 pages: 0
            page 8 holds 0
            page 9 holds 0
            page 2 holds 2
            done
            """);
    assertThat(ending.err()).isEmpty();
  }

  /** kvm_run is shared memory: noise in it is the client's own trouble. */
  @Test
  void noiseInSharedPagesDuringRunHurtsNobody() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_scribble", ProgramArch.X86_64);
    KvmPrograms.Ending ending = programs.run(program);
    assertThat(ending.passed()).isEqualTo("returned 3000, then exit 2 of 7\n");
    assertThat(ending.err()).isEmpty();
  }

  /** In the middle of whatever they do; most in a guest that never ends. */
  @Test
  void killedClientsLeaveNothing() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_killed", ProgramArch.X86_64);
    KernelProfile profile = KernelProfile.LINUX_6_18;
    try (PrivateService service = PrivateService.start(ProgramArch.X86_64, profile)) {
      // What is loaded and opened once, is.
      programs.run(service, program);
      KvmLeftovers before = KvmLeftovers.now(() -> 0);
      for (int wait = 0; wait < 2000 && before.threads() > 0; wait++) {
        Thread.sleep(10);
        before = KvmLeftovers.now(() -> 0);
      }
      assertThat(before.threads()).isZero();
      KvmPrograms.Ending ending = programs.run(service, program);
      assertThat(ending.passed()).isEqualTo("killed 24 of 24\n");
      KvmLeftovers left = KvmLeftovers.settled(() -> 0, before).minus(before);
      assertThat(left.isNothing()).as("%s left, beside %s", left, before).isTrue();
    }
  }

  /** Its waits end by EINTR, though no handler runs: signal(7). */
  @Test
  void aProcessThatIsStoppedAndContinuedLosesNothing() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_stopped", ProgramArch.X86_64);
    KvmPrograms.Ending ending = programs.run(program);
    assertThat(ending.passed()).isEqualTo("opened 400 of 400\n");
    assertThat(ending.err()).isEmpty();
  }

  @Test
  void fourThreadsTakeASpinlockOnFourVcpus() throws IOException, InterruptedException {
    needsX86();
    Path program = programs.compile("kvm_spinlock", ProgramArch.X86_64);
    assertThat(programs.run(program).passed()).endsWith("counter 8000 of 8000\n");
  }

  @Test
  void anArm64ProgramRunsItsVcpuToMmioExits() throws IOException, InterruptedException {
    assumeThat(programs.compiles(ProgramArch.ARM64)).as("a compiler for arm64").isTrue();
    assumeThat(ProgramArch.ARM64.isNative() || KvmPrograms.isOnPath("qemu-aarch64"))
        .as("an arm64 machine, or qemu-aarch64")
        .isTrue();
    Path program = programs.compile("kvm_arm64", ProgramArch.ARM64);
    assertThat(programs.run(program).passed())
        .isEqualTo(
            """
            version 12
            mmio write 10000000 bytes 4 41 00 00 00
            mmio read 10000004 bytes 2
            mmio write 10000008 bytes 8 51 52 00 00 00 00 00 00
            memory 51520000
            done
            """);
  }
}
