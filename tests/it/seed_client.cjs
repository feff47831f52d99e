// The client of the original design's documentation against a real server. What stands between the two lines below
// is that documentation's code, unchanged but for line breaks and the address; around it stands what a page would
// bring along: a document, a sign-in, a file. A classic script, as on a page: some of that code needs a global `this`.
// Writes what it saw to standard output as JSON.

const { readFileSync } = require('node:fs');

const HOST = process.env.DRIVE_URL;
const TOKEN = process.env.DRIVE_TOKEN;

// Sign-in, as the gateway of the original did it: every request carries the token.
const plainFetch = globalThis.fetch;
globalThis.fetch = (path, init = {}) =>
  plainFetch(new URL(path, HOST), { ...init, headers: { ...init.headers, Authorization: `Bearer ${TOKEN}` } });

// As much of a document as that code touches; it remembers what was shown.
const elements = new Map();
globalThis.document = {
  getElementById(id) {
    if (!elements.has(id)) elements.set(id, { style: {}, textContent: '' });
    return elements.get(id);
  },
};
const seen = { packets: [], successes: [], errors: [] };
const showSuccessNotification = (data) => seen.successes.push(data);
const showErrorNotification = (data) => seen.errors.push(data);

// ---------------------------------------------------------------------------------------------------------------

class UploadManager {
  constructor() {
    this.ws = new WebSocket(HOST.replace('http', 'ws') + '/ws');
    this.tasks = new Map();
  }

  async uploadFile(file, poolId) {
    // 1. Create upload task
    const taskResponse = await fetch('/api/files/upload/create', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        fileName: file.name,
        fileSize: file.size,
        contentType: file.type,
        poolId: poolId,
        hash: await this.calculateHash(file)
      })
    });

    const task = await taskResponse.json();
    if (task.fileExists) {
      return task.file; // File already exists
    }

    // 2. Upload chunks
    const chunks = this.splitFileIntoChunks(file, task.chunkSize);
    for (let i = 0; i < chunks.length; i++) {
      await this.uploadChunk(task.taskId, i, chunks[i]);
    }

    // 3. Complete upload
    const result = await fetch(`/api/files/upload/complete/${task.taskId}`, {
      method: 'POST'
    });

    return await result.json();
  }

  async uploadChunk(taskId, chunkIndex, chunkData) {
    const formData = new FormData();
    formData.append('chunk', chunkData);

    const response = await fetch(`/api/files/upload/chunk/${taskId}/${chunkIndex}`, {
      method: 'POST',
      body: formData
    });

    if (response.status === 409) {
      // Chunk already uploaded, skip
      return;
    }

    if (!response.ok) {
      throw new Error(`Upload failed: ${response.statusText}`);
    }
  }

  splitFileIntoChunks(file, chunkSize) {
    const chunks = [];
    for (let offset = 0; offset < file.size; offset += chunkSize) {
      chunks.push(file.slice(offset, offset + chunkSize));
    }
    return chunks;
  }

  async calculateHash(file) {
    // Implement file hashing (SHA-256 recommended)
    const buffer = await file.arrayBuffer();
    const hashBuffer = await crypto.subtle.digest('SHA-256', buffer);
    return Array.from(new Uint8Array(hashBuffer))
      .map(b => b.toString(16).padStart(2, '0'))
      .join('');
  }

  async resumeUpload(taskId) {
    // Get task information
    const resumeResponse = await fetch(`/api/files/upload/resume/${taskId}`);
    const taskInfo = await resumeResponse.json();

    // Get uploaded chunks
    const uploadedChunks = new Set(taskInfo.uploadedChunks);

    // Upload missing chunks
    for (let i = 0; i < taskInfo.chunksCount; i++) {
      if (!uploadedChunks.has(i)) {
        await this.uploadChunk(taskId, i, this.getChunkData(i));
      }
    }

    // Complete upload
    await fetch(`/api/files/upload/complete/${taskId}`, { method: 'POST' });
  }
}

function setupProgressMonitoring(taskId) {
  // Listen for WebSocket progress events
  this.ws.addEventListener('message', (event) => {
    const packet = JSON.parse(event.data);
    if (packet.type === 'upload.progress' && packet.data.taskId === taskId) {
      updateProgressUI(packet.data);
    }
  });
}

function updateProgressUI(progressData) {
  const progressBar = document.getElementById('upload-progress');
  const progressText = document.getElementById('progress-text');
  const speedText = document.getElementById('upload-speed');

  progressBar.style.width = `${progressData.progress}%`;
  progressText.textContent = `${progressData.progress.toFixed(1)}%`;

  // Calculate speed if we have timing data
  if (this.lastProgress) {
    const timeDiff = Date.now() - this.lastUpdate;
    const progressDiff = progressData.progress - this.lastProgress.progress;
    const speed = (progressDiff / 100) * (progressData.fileSize / 1024 / 1024) / (timeDiff / 1000);
    speedText.textContent = `${speed.toFixed(1)} MB/s`;
  }

  this.lastProgress = progressData;
  this.lastUpdate = Date.now();
}

function handleTaskEvents(ws) {
  // Authentication (implement based on your auth system)
  ws.onopen = () => {
    ws.send(JSON.stringify({ type: 'auth', token: TOKEN }));
  };

  // Handle task events
  ws.onmessage = (event) => {
    const packet = JSON.parse(event.data);
    switch (packet.type) {
      case 'task.progress':
        updateProgressBar(packet.data);
        break;
      case 'task.completed':
        showSuccessNotification(packet.data);
        break;
      case 'task.failed':
        showErrorNotification(packet.data);
        break;
    }
  };
}

function updateProgressBar(data) {
  const progressBar = document.getElementById(`progress-${data.taskId}`);
  if (progressBar) {
    progressBar.style.width = `${data.progress}%`;
    progressBar.textContent = `${data.progress.toFixed(1)}%`;
  }
}

// ---------------------------------------------------------------------------------------------------------------

/** Resolves with the first packet of this type about this task, those that came before included. */
function packet(manager, type, taskId) {
  const fits = (one) => one.type === type && (!taskId || one.data.taskId === taskId);
  return new Promise((resolve) => {
    const known = seen.packets.find(fits);
    if (known) return resolve(known);
    manager.ws.addEventListener('message', (event) => {
      const one = JSON.parse(event.data);
      if (fits(one)) resolve(one);
    });
  });
}

/** Creates an upload by hand, as a client would that is then interrupted. */
async function create(file, hash) {
  const response = await fetch('/api/files/upload/create', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ fileName: file.name, fileSize: file.size, contentType: file.type, hash }),
  });
  return await response.json();
}

async function main() {
  const bytes = readFileSync(process.env.DRIVE_FILE);
  const file = new File([bytes], 'large-video.mp4', { type: 'video/mp4' });
  const manager = new UploadManager();
  handleTaskEvents(manager.ws);
  manager.ws.addEventListener('message', (event) => seen.packets.push(JSON.parse(event.data)));
  await packet(manager, 'hello');

  // A whole upload, watched from its creation on.
  const created = packet(manager, 'task.created');
  const watching = created.then(({ data }) => setupProgressMonitoring.call(manager, data.taskId));
  const uploaded = await manager.uploadFile(file);
  await watching;
  const { taskId } = (await created).data;
  await packet(manager, 'task.completed', taskId);
  await packet(manager, 'upload.completed', taskId);
  const again = await manager.uploadFile(file);

  // An interrupted one: one chunk arrived, and was even sent twice.
  const other = new File([bytes.subarray(1)], 'interrupted.mp4', { type: '' });
  const task = await create(other, await manager.calculateHash(other));
  const chunks = manager.splitFileIntoChunks(other, task.chunkSize);
  await manager.uploadChunk(task.taskId, 1, chunks[1]);
  await manager.uploadChunk(task.taskId, 1, chunks[1]);
  const asked = [];
  manager.getChunkData = (index) => (asked.push(index), chunks[index]);
  await manager.resumeUpload(task.taskId);
  const resumed = (await packet(manager, 'task.completed', task.taskId)).data.results;

  // One that does not hold what it declares.
  const wrong = new File([bytes.subarray(0, 1000)], 'wrong.mp4', { type: 'video/mp4' });
  const failing = await create(wrong, await manager.calculateHash(other));
  await manager.uploadChunk(failing.taskId, 0, wrong);
  await fetch(`/api/files/upload/complete/${failing.taskId}`, { method: 'POST' });
  await packet(manager, 'task.failed', failing.taskId);

  const shown = Object.fromEntries(elements);
  console.log(JSON.stringify({ ...seen, taskId, uploaded, again, asked, resumed, failed: failing.taskId, shown }));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
