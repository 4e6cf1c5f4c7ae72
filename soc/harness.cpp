// SPDX-License-Identifier: Apache-2.0
//
// Runs the system of soc/simulation.py: its clock, its reset, and its UART, a stream of bytes on
// standard input and output. It ends when standard input ends.

#include "Vpsf_soc.h"
#include "terminal.h"
#include "verilated.h"

namespace {

constexpr uint64_t kLook = 512;  // cycles between two looks at the input
constexpr uint64_t kReset = 8;

}  // namespace

int main(int argc, char** argv) {
  terminal::begin();
  VerilatedContext context;
  context.commandArgs(argc, argv);
  Vpsf_soc soc{&context};
  terminal::Input input;
  terminal::Output output;
  uint64_t cycle = 0;
  soc.sys_rst = 1;
  soc.serial_sink_valid = 0;
  soc.serial_source_ready = 1;
  for (; !terminal::stopped && !context.gotFinish(); cycle++) {
    soc.sys_clk = 0;
    soc.eval();
    if (cycle % kLook == 0 && !input.look()) break;
    soc.sys_rst = cycle < kReset;
    soc.serial_sink_valid = cycle >= kReset && input.valid();
    soc.serial_sink_data = input.valid() ? input.byte() : 0;
    soc.eval();  // what is ready, before the edge
    const bool taken = soc.serial_sink_valid && soc.serial_sink_ready;
    if (cycle >= kReset && soc.serial_source_valid) output.put(soc.serial_source_data);
    soc.sys_clk = 1;
    soc.eval();
    context.timeInc(1);
    if (taken) input.take();
  }
  output.flush();
  soc.final();
  return 0;
}
