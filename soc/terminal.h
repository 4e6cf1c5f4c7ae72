// SPDX-License-Identifier: Apache-2.0
//
// A simulated serial port on standard input and output, which are a pseudo-terminal. A terminal that
// nobody has open (EIO) is no end of the input.
#ifndef TERMINAL_H
#define TERMINAL_H

#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <unistd.h>

namespace terminal {

inline volatile sig_atomic_t stopped = 0;
inline void stop(int) { stopped = 1; }

// End with the parent, and in order.
inline void begin() {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGPIPE, SIG_IGN);
}

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

}  // namespace terminal

#endif
