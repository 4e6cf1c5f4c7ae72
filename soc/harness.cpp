// SPDX-License-Identifier: Apache-2.0
//
// Runs the system of soc/simulation.py: its clock, its reset, and its UART, a stream of bytes on
// standard input and output. It ends when standard input ends; a terminal that nobody has open
// (EIO) is no end.

#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "Vpsf_soc.h"
#include "verilated.h"

namespace {

constexpr uint64_t kLook = 512;  // cycles between two looks at the input
constexpr uint64_t kReset = 8;

volatile sig_atomic_t stopped = 0;

void stop(int) { stopped = 1; }

// Bytes from the host: one at a time, as the system takes them.
class Input {
 public:
  // Look for bytes; false at the end of the input.
  bool look() {
    if (next_ < size_) return true;
    pollfd wait{0, POLLIN, 0};
    if (poll(&wait, 1, 0) <= 0) return true;
    const ssize_t got = read(0, bytes_, sizeof bytes_);
    if (got == 0) return false;
    next_ = 0;
    size_ = got > 0 ? got : 0;
    return got > 0 || errno == EIO || errno == EAGAIN || errno == EINTR;
  }
  bool valid() const { return next_ < size_; }
  uint8_t byte() const { return bytes_[next_]; }
  void take() { next_++; }

 private:
  uint8_t bytes_[4096];
  ssize_t next_ = 0, size_ = 0;
};

// Bytes to the host, a line at a time.
class Output {
 public:
  void put(uint8_t byte) {
    bytes_[used_++] = byte;
    if (byte == '\n' || used_ == sizeof bytes_) flush();
  }
  void flush() {
    for (size_t done = 0; done < used_ && !stopped;) {
      const ssize_t put = write(1, bytes_ + done, used_ - done);
      if (put > 0) {
        done += put;
      } else if (errno == EAGAIN || errno == EIO) {
        usleep(1000);
      } else if (errno != EINTR) {
        stopped = 1;
      }
    }
    used_ = 0;
  }

 private:
  uint8_t bytes_[4096];
  size_t used_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGPIPE, SIG_IGN);
  VerilatedContext context;
  context.commandArgs(argc, argv);
  Vpsf_soc soc{&context};
  Input input;
  Output output;
  uint64_t cycle = 0;
  soc.sys_rst = 1;
  soc.serial_sink_valid = 0;
  soc.serial_source_ready = 1;
  for (; !stopped && !context.gotFinish(); cycle++) {
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
