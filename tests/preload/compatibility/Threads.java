import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.Deflater;

/** Memory of malloc from many sides of the virtual machine: direct buffers, compiled code, threads, a native library. */
public class Threads {
    public static void main(String[] arguments) throws Exception {
        List<ByteBuffer> buffers = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            buffers.add(ByteBuffer.allocateDirect(40000));
            if (i % 3 == 0)
                buffers.remove(0);
        }
        Thread[] threads = new Thread[20];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                StringBuilder text = new StringBuilder();
                for (int k = 0; k < 20000; k++)
                    text.append(k);
            });
            threads[i].start();
        }
        for (Thread thread : threads)
            thread.join();
        Deflater deflater = new Deflater();
        byte[] out = new byte[100000];
        deflater.setInput(new byte[1000000]);
        deflater.finish();
        System.out.println("ok " + deflater.deflate(out) + " " + buffers.size());
    }
}
