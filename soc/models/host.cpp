// SPDX-License-Identifier: Apache-2.0
//
// What psf_serial_host.sv wants of the host: bytes from standard input and to standard output.

#include <cstdio>
#include <cstdlib>

#include "../terminal.h"
#include "svdpi.h"
#include "verilated.h"

namespace {

terminal::Input input;
terminal::Output output;
const bool begun = (terminal::begin(), true);

}  // namespace

extern "C" int psf_host_read() {
  if (!input.look() || terminal::stopped) exit(0);
  if (!input.valid()) return -1;
  const int byte = input.byte();
  input.take();
  return byte;
}

extern "C" void psf_host_write(unsigned char byte) { output.put(byte); }

extern "C" void psf_host_stop(const char* words) {
  output.flush();
  fprintf(stderr, "%.3f us: %s\n", Verilated::threadContextp()->time() / 1e6, words);
  exit(1);
}
