package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/** Reads a flattened device tree the obvious way, sharing no code with the writer. */
final class DeviceTreeReader {
  private final ByteBuffer blob;
  private final Map<String, byte[]> properties = new HashMap<>();
  private final Set<String> nodes = new LinkedHashSet<>();

  DeviceTreeReader(byte[] bytes) {
    blob = ByteBuffer.wrap(bytes);
    assertThat(blob.getInt(0)).as("magic").isEqualTo(0xd00dfeed);
    assertThat(blob.getInt(4)).as("totalsize").isEqualTo(bytes.length);
    assertThat(blob.getInt(20)).as("version").isEqualTo(17);
    assertThat(blob.getLong(blob.getInt(16))).as("reservation block is empty").isZero();
    walk(blob.getInt(8), blob.getInt(8) + blob.getInt(36));
  }

  private void walk(int from, int end) {
    Deque<String> path = new ArrayDeque<>();
    int at = from;
    while (at < end) {
      int token = blob.getInt(at);
      at += 4;
      if (token == 1) {
        String name = text(at);
        path.push(path.isEmpty() ? "" : path.peek() + "/" + name);
        assertThat(nodes.add(path.peek())).as("node %s is new", name).isTrue();
        at += (name.length() + 4) & -4;
      } else if (token == 2) {
        path.pop();
      } else if (token == 3) {
        int length = blob.getInt(at);
        String name = text(blob.getInt(12) + blob.getInt(at + 4));
        byte[] value = Arrays.copyOfRange(blob.array(), at + 8, at + 8 + length);
        assertThat(properties.put(path.peek() + ":" + name, value)).isNull();
        at += 8 + ((length + 3) & -4);
      } else {
        assertThat(token).as("token at %d", at - 4).isEqualTo(9);
        assertThat(at).as("the end token is last").isEqualTo(end);
      }
    }
    assertThat(path).isEmpty();
  }

  private String text(int at) {
    int end = at;
    while (blob.get(end) != 0) {
      end++;
    }
    return new String(blob.array(), at, end - at, StandardCharsets.UTF_8);
  }

  Set<String> nodes() {
    return nodes;
  }

  boolean has(String property) {
    return properties.containsKey(property);
  }

  String texts(String property) {
    String joined = new String(properties.get(property), StandardCharsets.UTF_8);
    assertThat(joined).endsWith("\0");
    return joined.substring(0, joined.length() - 1).replace('\0', '|');
  }

  String cells(String property) {
    StringBuilder text = new StringBuilder();
    ByteBuffer value = ByteBuffer.wrap(properties.get(property));
    while (value.hasRemaining()) {
      text.append(text.isEmpty() ? "" : " ").append(Integer.toHexString(value.getInt()));
    }
    return text.toString();
  }
}
