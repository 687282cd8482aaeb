// MTF of an edge by VIGRA: doubles of an image on standard input, frequency and MTF on output.
#include <cstdio>
#include <cstdlib>
#include <vector>
#include <vigra/stdimage.hxx>
#include <vigra/slanted_edge_mtf.hxx>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int width = std::atoi(argv[1]), height = std::atoi(argv[2]);
  vigra::DImage image(width, height);
  for (int row = 0; row < height; ++row)
    for (int col = 0; col < width; ++col)
      if (std::fread(&image(col, row), sizeof(double), 1, stdin) != 1) return 3;
  vigra::SlantedEdgeMTFOptions options;
  options.mtfSmoothingScale(0.0).desiredEdgeWidth(16).minimumEdgeWidth(10);
  options.minimumNumberOfLines(30);
  std::vector<vigra::TinyVector<double, 2> > mtf;
  vigra::slantedEdgeMTF(vigra::srcImageRange(image), mtf, options);
  for (std::size_t k = 0; k < mtf.size(); ++k) std::printf("%.6f %.6f\n", mtf[k][0], mtf[k][1]);
}
