// A library for open-plugin: objects with constructors and destructors, thread-local ones, and blocks both
// ways.
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace
{

struct Registry {
    std::map<std::string, std::vector<int>> entries;
    char *raw = static_cast<char *>(std::calloc(1000, 100));
    Registry()
    {
        for (int i = 0; i < 500; i++)
            entries["entry " + std::to_string(i)].assign(i % 100, i);
    }
    ~Registry()
    {
        entries["last"].push_back(1);
        std::free(raw);
    }
} registry;

thread_local std::string name;

} // namespace

extern "C" void *plugin_make(std::size_t size)
{
    name.assign(100 + registry.entries.size(), 'n');
    return std::malloc(size);
}

extern "C" void plugin_take(void *block)
{
    std::free(block);
}
