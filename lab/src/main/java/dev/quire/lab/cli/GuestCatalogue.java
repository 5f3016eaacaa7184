package dev.quire.lab.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The built-in guests, from the list that they are built by. (The manifest says the same and more;
 * reading JSON would cost every start 15 ms, most of it in the constants of BigDecimal.)
 */
public final class GuestCatalogue {
  private static final String FOLDER = "/dev/quire/images/";
  private static final String LIST = "guests.txt";

  private final List<GuestImage> images;

  GuestCatalogue(List<GuestImage> images) {
    this.images = List.copyOf(images);
  }

  /** Reads the list that ships with this build. */
  public static GuestCatalogue builtIn() {
    return new GuestCatalogue(parse(new String(resource(LIST), StandardCharsets.UTF_8)));
  }

  public List<GuestImage> images() {
    return images;
  }

  /** The guest of that name; null if there is none. */
  public GuestImage find(String name) {
    for (GuestImage image : images) {
      if (image.name().equals(name)) {
        return image;
      }
    }
    return null;
  }

  /** The name that a mistyped one probably meant; null if nothing is near. */
  public String nearest(String name) {
    String nearest = Nearest.to(name, images.stream().map(GuestImage::name).toList());
    if (nearest != null) {
      return nearest;
    }
    String stem = Nearest.to(name, images.stream().map(GuestCatalogue::stem).toList());
    for (GuestImage image : images) {
      if (stem(image).equals(stem)) {
        return image.name();
      }
    }
    return null;
  }

  private static String stem(GuestImage image) {
    int dash = image.name().lastIndexOf('-');
    return dash < 0 ? image.name() : image.name().substring(0, dash);
  }

  /** The bytes of a guest of this catalogue. */
  public byte[] bytes(GuestImage image) {
    return resource(image.file());
  }

  private static byte[] resource(String name) {
    try (InputStream file = GuestCatalogue.class.getResourceAsStream(FOLDER + name)) {
      if (file == null) {
        throw new IllegalStateException("this build lacks " + FOLDER + name);
      }
      return file.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + FOLDER + name, e);
    }
  }

  /**
   * Reads lines of {@code name | architectures | vCPUs | memory | status | purpose}, and the last
   * line of console output in a seventh column where the status is not pass.
   */
  static List<GuestImage> parse(String guests) {
    List<GuestImage> images = new ArrayList<>();
    for (String line : guests.split("\n", -1)) {
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      String[] columns = line.split("\\|", -1);
      for (String arch : columns[1].strip().split(" ", -1)) {
        String name = columns[0].strip() + "-" + arch;
        images.add(
            new GuestImage(
                name,
                arch,
                name,
                columns[5].strip(),
                columns.length > 6 ? columns[6].strip() : "PASS " + name,
                Integer.parseInt(columns[2].strip()),
                MemorySize.parse(columns[3].strip())));
      }
    }
    return images;
  }
}
