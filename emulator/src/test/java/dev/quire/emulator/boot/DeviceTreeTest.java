package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceTreeTest {
  private static DeviceTreeReader virt(long memoryBytes, int cpus, String line) {
    return new DeviceTreeReader(
        VirtDeviceTree.build(GuestRam.of(GuestArchitecture.ARM64, memoryBytes), cpus, line, 0, 0));
  }

  @Test
  void whatIsWrittenIsReadBack() {
    byte[] blob =
        new DeviceTreeWriter()
            .begin("")
            .cells("a", 1, -2)
            .flag("empty")
            .begin("child@1")
            .texts("a", "x", "yz")
            .bytes("odd", new byte[] {1, 2, 3})
            .end()
            .begin("child@2")
            .doubleCells("wide", 1L << 40)
            .end()
            .end()
            .finish();
    DeviceTreeReader tree = new DeviceTreeReader(blob);
    assertThat(tree.nodes()).containsExactly("", "/child@1", "/child@2");
    assertThat(tree.cells(":a")).isEqualTo("1 fffffffe");
    assertThat(tree.has(":empty")).isTrue();
    assertThat(tree.texts("/child@1:a")).isEqualTo("x|yz");
    assertThat(tree.cells("/child@2:wide")).isEqualTo("100 0");
  }

  @Test
  void anUnbalancedTreeIsAMistakeOfTheCaller() {
    assertThatThrownBy(() -> new DeviceTreeWriter().begin("").finish())
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> new DeviceTreeWriter().end())
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> new DeviceTreeWriter().flag("x"))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void theVirtMachineIsDescribedAsQemuDoes() {
    DeviceTreeReader tree = virt(512L << 20, 4, "console=ttyAMA0");
    assertThat(tree.texts("/chosen:bootargs")).isEqualTo("console=ttyAMA0");
    assertThat(tree.texts("/chosen:stdout-path")).isEqualTo("/pl011@9000000");
    assertThat(tree.nodes()).contains("/pl011@9000000");
    assertThat(tree.cells("/memory@40000000:reg")).isEqualTo("0 40000000 0 20000000");
    assertThat(tree.texts("/psci:method")).isEqualTo("hvc");
    assertThat(tree.texts("/psci:compatible")).contains("arm,psci-1.0");
    assertThat(tree.cells("/intc@8000000:reg")).isEqualTo("0 8000000 0 10000 0 8010000 0 10000");
    assertThat(tree.cells("/intc@8000000:phandle")).isEqualTo(tree.cells(":interrupt-parent"));
    assertThat(tree.cells("/timer:interrupts")).isEqualTo("1 d f04 1 e f04 1 b f04 1 a f04");
    assertThat(tree.cells("/pl011@9000000:interrupts")).isEqualTo("0 1 4");
    assertThat(tree.cells("/debug-exit@90f0000:reg")).isEqualTo("0 90f0000 0 1000");
    assertThat(tree.texts("/debug-exit@90f0000:compatible")).isEqualTo("quire,debug-exit");
    assertThat(tree.has("/chosen:linux,initrd-start")).isFalse();
  }

  @Test
  void everyCpuHasItsAffinityAndIsStartedByPsci() {
    DeviceTreeReader tree = virt(64L << 20, 8, "");
    for (int cpu = 0; cpu < 8; cpu++) {
      assertThat(tree.cells("/cpus/cpu@" + cpu + ":reg")).isEqualTo(Integer.toString(cpu));
      assertThat(tree.texts("/cpus/cpu@" + cpu + ":enable-method")).isEqualTo("psci");
    }
    assertThat(tree.nodes()).doesNotContain("/cpus/cpu@8");
  }

  @Test
  void theInitrdIsNamedByItsEnds() {
    DeviceTreeReader tree =
        new DeviceTreeReader(
            VirtDeviceTree.build(
                GuestRam.of(GuestArchitecture.ARM64, 64 << 20), 1, "", 0x42000000, 0x1234));
    assertThat(tree.cells("/chosen:linux,initrd-start")).isEqualTo("0 42000000");
    assertThat(tree.cells("/chosen:linux,initrd-end")).isEqualTo("0 42001234");
  }

  @Test
  void theDeviceTreeCompilerHasNothingToSay(@TempDir Path folder) throws Exception {
    assumeTrue(
        Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, "dtc"))),
        "dtc is not installed");
    Path blob = folder.resolve("virt.dtb");
    GuestRam ram = GuestRam.of(GuestArchitecture.ARM64, 6L << 30);
    Files.write(blob, VirtDeviceTree.build(ram, 4, "quiet", 0x48000000, 100));
    Process dtc =
        new ProcessBuilder("dtc", "-I", "dtb", "-O", "dts", blob.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(dtc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(dtc.waitFor()).isZero();
    assertThat(output)
        .doesNotContain("Warning")
        .contains("bootargs = \"quiet\";")
        .contains("reg = <0x00 0x40000000 0x01 0x80000000>;");
  }
}
