// thread_local objects whose destructors allocate, free and create further thread_local objects, in threads
// that end together with key destructors that do the same; objects handed from a dying thread to a live one.
#include <pthread.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

namespace
{

std::mutex lock;
std::vector<std::unique_ptr<std::string>> left_behind;
std::atomic<int> destroyed;
pthread_key_t key;

struct Late {
    std::map<int, std::string> names;
    ~Late()
    {
        CHECK(names.size() == 50);
        destroyed++;
    }
};

struct Early {
    std::vector<std::string> strings;
    ~Early()
    {
        // First use of another thread_local while thread_locals are being destroyed.
        thread_local Late late;
        for (int i = 0; i < 50; i++)
            late.names[i] = std::string(i * 20, 'l');
        auto last = std::make_unique<std::string>(500, 'e');
        strings.clear();
        std::lock_guard<std::mutex> hold(lock);
        left_behind.push_back(std::move(last));
        destroyed++;
    }
};

thread_local Early early;
thread_local std::unique_ptr<char[]> buffer;

void key_destructor(void *p)
{
    // Runs after the thread_locals are gone.
    delete static_cast<std::string *>(p);
    std::vector<std::string> more(20, std::string(1000, 'k'));
    destroyed++;
}

void body(int i)
{
    early.strings.assign(100, std::string(i % 300 + 20, 'x'));
    buffer.reset(new char[100 + i * 37 % 100000]);
    pthread_setspecific(key, new std::string(200, 's'));
}

struct AtExit {
    std::vector<std::string> strings = std::vector<std::string>(1000, std::string(100, 'g'));
    ~AtExit()
    {
        strings.assign(2000, std::string(60, 'h'));
    }
} at_exit;

} // namespace

int main()
{
    constexpr int kThreads = 400;
    CHECK(pthread_key_create(&key, key_destructor) == 0);
    for (int i = 0; i < kThreads; i += 8) {
        std::vector<std::thread> threads;
        for (int j = 0; j < 8; j++)
            threads.emplace_back(body, i + j);
        for (auto &thread : threads)
            thread.join();
    }
    CHECK(destroyed == 3 * kThreads);
    CHECK(left_behind.size() == kThreads);
    for (auto &string : left_behind)
        CHECK(*string == std::string(500, 'e'));
    body(1); // the main thread's die in exit
}
